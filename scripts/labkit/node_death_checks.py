# SPDX-License-Identifier: BSD-3-Clause
"""scripts/lab check node-death and node-death-ipip: what a node's death may break."""
from labkit.default_run import measure
from labkit.fleet import Fleet
from labkit.node_death import CountedDeath, NodeDeath, check_digests
from labkit.outcome import Outcome, Size, common_figures


def node_death(fleet: Fleet, size: Size) -> Outcome:
    """A node loses power while a new generation comes into force (other weights, or a backend drained, by seed): no connection
    breaks or moves. Those of the dead node arrive at nodes that do not know them, and the agents find their backends (GUE, second chance)."""
    death = NodeDeath(fleet, size.seconds, size.seed)
    run = measure(fleet, size.rate / 8, size.seconds, [], size.seed, during=death.run)
    outcome = Outcome(common_figures(run, [], size.seed))
    held = death.held
    outcome.figures |= {"failed_requests": outcome.figures["failed"], "connections": held.get("opened", 0),
                        "broken": held.get("broken", -1), "moved": held.get("moved", -1), "held": held,
                        "faults": {"node-kill": 1, death.change: 1}}
    outcome.broken += run.errors
    outcome.require(outcome.figures["broken"] == 0, f"{outcome.figures['broken']} connections broke: {held.get('reasons')}")
    outcome.require(outcome.figures["moved"] == 0, f"{outcome.figures['moved']} connections moved to another backend")
    differs = check_digests(death)
    outcome.require(not differs, differs)
    return outcome


def node_death_ipip(fleet: Fleet, size: Size) -> Outcome:
    """The same over IPIP with one candidate: those of the dead node break whose slot moved, computed beforehand, and no other."""
    death = CountedDeath(fleet, size.seconds, size.seed)
    run = measure(fleet, size.rate / 8, size.seconds, [], size.seed, during=death.run)
    outcome = Outcome(common_figures(run, [], size.seed))
    outcome.figures |= {"failed_requests": outcome.figures["failed"], "connections": death.held.get("opened", 0),
                        "broken": death.held.get("broken", -1), "moved": death.held.get("moved", -1), "held": death.held,
                        "carried_by_victim": death.carried, "predicted": len(death.predicted),
                        "broken_not_predicted": len(death.broken - death.predicted),
                        "predicted_not_broken": len(death.predicted - death.broken),
                        "disagreements_with_oracle": len(death.disagreements), "faults": {"node-kill": 1, death.change: 1}}
    outcome.broken += run.errors + death.disagreements[:3]
    outcome.require(0 < len(death.predicted) < death.carried, "nothing to predict: the slots of none or of all moved")
    outcome.require(death.broken == death.predicted and outcome.figures["broken"] == len(death.predicted),
                    f"{outcome.figures['broken']} connections broke, {len(death.predicted)} should have: "
                    f"{len(death.broken - death.predicted)} of others, {len(death.predicted - death.broken)} not")
    differs = check_digests(death)
    outcome.require(not differs, differs)
    return outcome
