// SPDX-License-Identifier: BSD-3-Clause
// Episodes and the generated source.
#include "control/sim/train.hh"

#include <array>
#include <cstdio>

#include "control/sim/scenario.hh"
#include "control/sim/simulation.hh"

namespace fairlead::sim {

policy::ActorParameters train(
    const Training& training, const std::function<void(std::uint32_t, double)>& progress
) {
  static constexpr std::array<const char*, 6> kScenarios = {
      "hetero-hidden", "antag", "mixed", "gray", "homog", "bursty"};
  policy::Trainer trainer({}, training.seed);
  policy::Random random(training.seed);
  for (std::uint32_t episode = 0; episode < training.episodes; ++episode) {
    ScenarioOptions options;
    options.name = kScenarios[episode % kScenarios.size()];
    options.seed = training.seed + episode;
    options.backends = 10 + random.below(51);
    options.nodes = 3 + random.below(18);
    options.load = 0.6 + 0.3 * random.uniform();
    options.duration = training.duration;
    auto setup = make_scenario(options);
    auto policy = make_policy("actor-critic");
    if (!setup || !policy) break;
    setup->policy = *policy;
    setup->trainer = &trainer;
    trainer.forget();
    Simulation(*setup).run();
    if (progress) progress(episode, trainer.take_mean_reward());
  }
  return trainer.actor();
}

std::string actor_source(const policy::ActorParameters& actor, const Training& training) {
  char line[200];
  std::snprintf(
      line,
      sizeof line,
      "// Trained by scripts/train: %u episodes, seeds from %llu. Do not edit.\n",
      training.episodes,
      static_cast<unsigned long long>(training.seed)
  );
  std::string out = "// SPDX-License-Identifier: BSD-3-Clause\n";
  out += line;
  out += "#include \"control/policy/policy.hh\"\n\nnamespace fairlead::policy {\n\n";
  out +=
      "const ActorParameters& trained_actor() {\n  static const ActorParameters kTrained = {{{\n";
  for (const auto& row : actor.theta) {
    out += "      {";
    for (std::size_t a = 0; a < row.size(); ++a) {
      std::snprintf(line, sizeof line, "%s%.6f", a == 0 ? "" : ", ", row[a]);
      out += line;
    }
    out += "},\n";
  }
  return out + "  }}};\n  return kTrained;\n}\n\n}  // namespace fairlead::policy\n";
}

}  // namespace fairlead::sim
