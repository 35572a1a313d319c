/// The evaluations that there are.
module GradBench.Catalogue

/// Every evaluation by its name.
let evaluations =
    Map
        [ for evaluation in [ Hello.evaluation; Particle.evaluation; Saddle.evaluation ] ->
              evaluation.Name, evaluation ]
