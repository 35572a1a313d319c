namespace Ad.Functional

open Ad.Tensors

/// How a differential equation is integrated.
type OdeOptions =
    {
        /// The error allowed in a step relative to the state.
        Relative: float
        /// The error allowed in a step beside that.
        Absolute: float
        /// The most steps, accepted and refused, between two requested times.
        MostSteps: int
    }

    /// Errors of 1e-8 each way, at most 1000 steps.
    static member Default =
        { Relative = 1e-8
          Absolute = 1e-8
          MostSteps = 1000 }

/// <summary>Initial value problems dy/dt = f t y with trees as states, by the method of Dormand and Prince (1980) with steps of its own choice.</summary>
[<RequireQualifiedAccess>]
module Ode =
    // Hairer, Norsett and Wanner 1993, Solving Ordinary Differential Equations I, table 5.2.
    let private nodes = [| 0.0; 0.2; 0.3; 0.8; 8.0 / 9.0; 1.0; 1.0 |]

    let private weights =
        [| [||]
           [| 0.2 |]
           [| 3.0 / 40.0; 9.0 / 40.0 |]
           [| 44.0 / 45.0; -56.0 / 15.0; 32.0 / 9.0 |]
           [| 19372.0 / 6561.0; -25360.0 / 2187.0; 64448.0 / 6561.0; -212.0 / 729.0 |]
           [| 9017.0 / 3168.0
              -355.0 / 33.0
              46732.0 / 5247.0
              49.0 / 176.0
              -5103.0 / 18656.0 |]
           [| 35.0 / 384.0
              0.0
              500.0 / 1113.0
              125.0 / 192.0
              -2187.0 / 6784.0
              11.0 / 84.0 |] |]

    // The fifth order's weights less the fourth's.
    let private errors =
        [| 71.0 / 57600.0
           0.0
           -71.0 / 16695.0
           71.0 / 1920.0
           -17253.0 / 339200.0
           22.0 / 525.0
           -1.0 / 40.0 |]

    let private combine (h: Tensor) (factors: float[]) (slopes: Tensor[][]) (y: Tensor[]) =
        y
        |> Array.mapi (fun leaf y ->
            Array.zip factors slopes
            |> Array.filter (fun (w, _) -> w <> 0.0)
            |> Array.fold (fun sum (w, k) -> sum + w * h * k[leaf]) y)

    /// The state after a step, the slopes on the way, the last of them there, and the error over what is allowed: 1 is just right.
    let private step
        options
        (f: Tensor -> Tensor[] -> Tensor[])
        (t: Tensor)
        (h: Tensor)
        (y: Tensor[])
        (slope: Tensor[])
        =
        let slopes =
            Seq.fold
                (fun (slopes: Tensor[][]) stage ->
                    let at = combine h weights[stage] slopes y
                    Array.append slopes [| f (t + nodes[stage] * h) at |])
                [| slope |]
                [ 1..6 ]

        let next = combine h weights[6] slopes[..5] y
        let zeros = y |> Array.map Tensor.zerosLike
        let error = combine h errors slopes zeros

        let squares =
            Array.map3
                (fun e a b ->
                    let allowed =
                        options.Absolute
                        + options.Relative * Tensor.maximum (Tensor.abs a) (Tensor.abs b)

                    Tensor.sum (Tensor.square (e / allowed)))
                error
                y
                next

        let count = y |> Array.sumBy (fun t -> float t.Count)
        next, slopes, sqrt (Array.reduce (+) squares / count)

    /// What is known between two steps: the time, the size to try next, the error before, the state and the slope there.
    type internal Place = Tensor * Tensor * Tensor * Tensor[] * Tensor[]

    /// A step towards a time that is not yet reached, of a size that is tried and, if the error is too large, refused: the next place, and of the step
    /// its signed size, whether it was accepted, the state after it and the slopes on the way.
    let internal advance options slope (stop: Tensor) ((t, h, before, y, k): Place) =
        let one = Tensor.onesLike t
        let forward = Tensor.sign (stop - t)
        let rest = Tensor.abs (stop - t)
        let isLast = Tensor.greaterEqual h rest
        let size = Tensor.stopGradient h
        let signed = Tensor.where isLast (stop - t) (size * Tensor.stopGradient forward)
        let next, slopes, error = step options slope t signed y k
        let error = Tensor.stopGradient (Tensor.maximum error (Tensor.fullLike error 1e-10))
        let accepted = Tensor.lessEqual error one

        // Proportional and integral control (Hairer, Norsett and Wanner 1993, II.4, with beta 0.04).
        let factor =
            0.9
            * Tensor.pow error (Tensor.fullLike error -0.17)
            * Tensor.pow before (Tensor.fullLike error 0.04)

        let grown = Tensor.clip 0.2 10.0 factor
        let shrunk = Tensor.clip 0.2 1.0 (0.9 * Tensor.pow error (Tensor.fullLike error -0.2))
        let tried = Tensor.where isLast rest size |> Tensor.stopGradient
        // A step cut short by a requested time says nothing against the longer one.
        let longer = Tensor.where isLast (Tensor.maximum size (tried * grown)) (tried * grown)
        let h = Tensor.where accepted longer (tried * shrunk)
        let keep (a: Tensor) (b: Tensor) = Tensor.where accepted a b

        let place: Place =
            keep (Tensor.where isLast stop (t + signed)) t,
            h,
            keep error before,
            Array.map2 keep next y,
            Array.map2 keep slopes[6] k

        place, (signed, accepted, next, slopes)

    /// Whether a time has not reached the one to go to.
    let internal isBefore (stop: Tensor) (forward: Tensor) (t: Tensor) =
        Tensor.greater ((stop - t) * forward) (Tensor.zerosLike t)

    /// Where a solution begins: a first step that moves the state by about a hundredth of itself (Hairer, Norsett and Wanner 1993, II.4).
    let internal beginning options slope (start: Tensor) (leaves: Tensor[]) : Place =
        let k0: Tensor[] = slope start leaves
        let signatures (all: Tensor[]) = all |> Array.map (fun t -> t.Signature)

        if signatures k0 <> signatures leaves then
            Shapes.refuse "odeint" "the slope differs from the state in structure, type or shape."

        let sizeOf (all: Tensor[]) =
            all
            |> Array.mapi (fun i t ->
                Tensor.sum (Tensor.square (t / (options.Absolute + options.Relative * Tensor.abs leaves[i]))))
            |> Array.reduce (+)
            |> sqrt

        let d0, d1 = sizeOf leaves, sizeOf k0
        let one, tiny = Tensor.onesLike d0, Tensor.fullLike d0 1e-5
        let isTiny = Tensor.logicalOr (Tensor.less d0 tiny) (Tensor.less d1 tiny)

        let h0 =
            Tensor.where isTiny (Tensor.fullLike d0 1e-6) (0.01 * d0 / Tensor.where isTiny one d1)
            |> Tensor.stopGradient

        start, h0, Tensor.fullLike start 1e-4, leaves, k0

    /// Refuses times that are not a vector, and states of another type.
    let internal ensure operation (times: Tensor) (y: 's) =
        if times.Rank <> 1 || times.Count < 1L then
            Shapes.refuse operation $"the times are {times.Signature}, not a vector with at least one."

        for path, t in Tree.named y do
            if t.DType <> times.DType then
                Shapes.refuse
                    operation
                    $"the state {path} {t.Signature} and the times {times.Signature} differ in type."

    /// The states at all times. The loop between two times is given: a condition, a step and where it starts.
    let private through loop options (f: Tensor -> 's -> 's) (y0: 's) (times: Tensor) : 's =
        ensure "odeint" times y0
        let leaves = Tree.leaves y0
        let slope t (y: Tensor[]) = f t (Tree.withLeaves y y0) |> Tree.leaves
        let n = times.Shape[0]
        let start = Tensor.sliceAxis 0 0 1 1 times |> Tensor.reshape []

        let between (t: Tensor, h: Tensor, before: Tensor, y: Tensor[], k: Tensor[]) (stop: Tensor) =
            let forward = Tensor.sign (stop - t)
            let isBefore = isBefore stop forward
            let goesOn (_: Tensor, (t, _, _, _, _): Place) = isBefore t
            let next (count: Tensor, place) = count + 1, fst (advance options slope stop place)
            let _, (t, h, before, y, k) = loop goesOn next (Tensor.scalar 0, (t, h, before, y, k))

            // Out of steps: no number is better than a wrong one.
            let reached = Tensor.where (isBefore t) (Tensor.fullLike t nan) (Tensor.onesLike t)
            let y = y |> Array.map (fun y -> y * reached)
            (stop, h, before, y, k), y

        let _, rest = scan between (beginning options slope start leaves) (Tensor.sliceAxis 0 1 n 1 times)

        let all =
            Array.map2
                (fun (first: Tensor) rest -> Tensor.concat 0 [ Tensor.expandDims 0 first; rest ])
                leaves
                rest

        Tree.withLeaves all y0

    /// <summary>
    /// The states at the times, the first of which is where y0 holds, stacked along axis 0; times rise or fall. Both modes differentiate the steps that were
    /// taken, by y0, by the times and by whatever f closes over; the choice of the steps is held. A derivative in reverse mode keeps every step.
    /// </summary>
    /// <remarks>A state that is not reached within the allowed number of steps is NaN.</remarks>
    let odeint (options: OdeOptions) (f: Tensor -> 's -> 's) (y0: 's) (times: Tensor) : 's =
        through (fun p step state -> whileLoopUpTo options.MostSteps p step state) options f y0 times

    /// <summary>
    /// The same states. Reverse mode integrates the adjoint equation da/dt = -(df/dy)' a backwards between the times (Pontryagin 1962; Chen et al. 2018), from
    /// states kept at the requested times alone, so that memory does not grow with the steps; its error is that of the integration, not of rounding.
    /// Forward mode differentiates the steps. There is no bound on the number of steps of the value.
    /// </summary>
    let odeintAdjoint (options: OdeOptions) (f: Tensor -> 's -> 's) (y0: 's) (times: Tensor) : 's =
        ensure "odeintAdjoint" times y0
        let vector, back = ravel "odeintAdjoint" y0

        let moment =
            { times.Signature with
                Shape = Shape.Scalar }

        let body, constants =
            Body.trace [| moment; vector.Signature |] (fun p ->
                let slope, _ = ravel "odeintAdjoint" (f p[0] (back p[1]))
                [| slope |])

        let slope (constants: Tensor[]) t y = (Body.apply body (Array.append [| t; y |] constants))[0]

        let rec solve (times: Tensor) (start: Tensor) (constants: Tensor[]) : Tensor =
            let held = constants |> Array.map Tensor.stopGradient

            let value =
                through whileLoop options (slope held) (Tensor.stopGradient start) (Tensor.stopGradient times)

            let discrete (all: Tensor[]) = odeint options (slope all[2..]) all[1] all[0]

            let jvp (all: Tensor[]) (tangents: Tensor[]) = [| pushed discrete all (floats tangents) |]

            let vjp (all: Tensor[]) (cotangents: Tensor[]) =
                let times, constants = all[0], all[2..]
                let states = solve times all[1] constants
                let n = times.Shape[0]
                let isVarying = constants |> Array.map (fun c -> c.DType.IsFloat())
                let moving (all: Tensor[]) = Array.zip all isVarying |> Array.filter snd |> Array.map fst
                let zeros = moving constants |> Array.map Tensor.zerosLike

                // Backwards from each time to the one before: the state, its adjoint, and the integrals for the constants.
                let augmented t (y: Tensor, a: Tensor, _: Tensor[]) =
                    let y', all =
                        Passes.pull
                            (fun x -> [| slope x[1..] t x[0] |])
                            (Array.append [| y |] constants)
                            [| 0, a |]
                            (Array.append [| true |] isVarying)

                    let g = Array.map2 Passes.orZero (Array.append [| y |] constants) all
                    y'[0], -g[0], moving g[1..] |> Array.map (~-)

                let rows (t: Tensor) first last = Tensor.sliceAxis 0 first last 1 t

                let step (a: Tensor, sums: Tensor[]) (late: Tensor, early: Tensor, y: Tensor, g: Tensor) =
                    let a = a + g
                    let rate = Tensor.dot g (slope constants late y)
                    let _, a, sums = odeint options augmented (y, a, sums) (Tensor.stack 0 [ late; early ])
                    let last (t: Tensor) = Tensor.sliceAxis 0 1 2 1 t |> Tensor.squeeze [ 0 ]
                    (last a, Array.map last sums), rate

                let (a, sums), rates =
                    scanReverse
                        step
                        (Tensor.zerosLike all[1], zeros)
                        (rows times 1 n, rows times 0 (n - 1), rows states 1 n, rows cotangents[0] 1 n)

                let first = Tensor.squeeze [ 0 ] (rows times 0 1)
                let atFirst = -(Tensor.dot a (slope constants first all[1]))
                let a = a + Tensor.squeeze [ 0 ] (rows cotangents[0] 0 1)
                let ofConstants = constants |> Array.map Tensor.zerosLike
                Array.iter2 (fun i sum -> ofConstants[i] <- sum) (Passes.places isVarying) sums
                Array.concat [ [| Tensor.concat 0 [ Tensor.expandDims 0 atFirst; rates ]; a |]; ofConstants ]

            oneWithRule value (Array.append [| times; start |] constants) jvp vjp

        // One row a time, taken apart into the state's tensors.
        vmap back (solve times vector constants)
