namespace Ad.Functional

open System
open Ad.Tensors

/// Moments that adaptive optimizers keep, and how many steps they have seen.
type Moments<'P> =
    { Count: Tensor; First: 'P; Second: 'P }

/// Moments with a third.
type ThreeMoments<'P> =
    { Count: Tensor
      First: 'P
      Second: 'P
      Third: 'P }

/// What methods that keep moments have in common.
module internal Moments =
    let within = Updates.within

    let checkDecays name decay1 decay2 =
        within name "the first decay" 0.0 1.0 decay1
        within name "the second decay" 0.0 1.0 decay2

    let noMoments p : Moments<'P> =
        { Count = Updates.zeroCount ()
          First = Leaves.zeros p
          Second = Leaves.zeros p }

    let noThree p : ThreeMoments<'P> =
        { Count = Updates.zeroCount ()
          First = Leaves.zeros p
          Second = Leaves.zeros p
          Third = Leaves.zeros p }

    let over (epsilonInRoot: float) (epsilon: float) : 'P -> 'P -> 'P =
        Leaves.map2 (fun m v -> m / (sqrt (if epsilonInRoot = 0.0 then v else v + epsilonInRoot) + epsilon))

    /// Moments from a start, the next ones from gradients and the last ones, and updates made of gradients, the last and the next.
    let byMomentsFrom
        start
        (next: 'P -> Moments<'P> -> 'P * 'P)
        (update: 'P -> Moments<'P> -> Moments<'P> -> 'P)
        : Optimizer<'P, Moments<'P>> =
        { Init = start
          Update =
            fun g state _ ->
                let m, v = next g state

                let after =
                    { Count = state.Count + 1
                      First = m
                      Second = v }

                update g state after, after }

    let byMoments next update = byMomentsFrom noMoments next update

    /// Averages of gradients and of their squares.
    let averages decay1 decay2 (g: 'P) (state: Moments<'P>) : 'P * 'P =
        Leaves.average decay1 g state.First, Leaves.average decay2 (Leaves.squares g) state.Second

    /// m / (sqrt v + epsilon) of unbiased moments.
    let overRoot decay1 decay2 epsilon _ _ (state: Moments<'P>) : 'P =
        over
            0.0
            epsilon
            (Leaves.unbiased decay1 state.Count state.First)
            (Leaves.unbiased decay2 state.Count state.Second)
