/// The evaluations that there are.
module GradBench.Catalogue

/// Every evaluation by its name.
let evaluations =
    Map
        [ for evaluation in
              [ Hello.evaluation
                Particle.evaluation
                Saddle.evaluation
                Lse.evaluation
                Llsq.evaluation
                Kmeans.evaluation
                Gmm.evaluation
                Ode.evaluation
                Det.evaluation
                Lstm.evaluation
                Ba.evaluation
                Ht.evaluation ] -> evaluation.Name, evaluation ]
