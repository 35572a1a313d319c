namespace Ad.Functional

open Ad.Tensors

/// <summary>Scans whose derivative keeps few of the states on the way and computes the others again.</summary>
[<RequireQualifiedAccess>]
module Revolve =
    /// The most steps that can be reversed with so many snapshots, the first state among them, when none is run forward more than `repetitions` times
    /// beside its own reversal: (snapshots + repetitions) over snapshots (Griewank 1992).
    let reach (snapshots: int) (repetitions: int) : int64 =
        let mutable product = 1I

        for i in 1..snapshots do
            product <- product * bigint (repetitions + i) / bigint i

        if product > bigint System.Int64.MaxValue then
            System.Int64.MaxValue
        else
            int64 product

    /// How often the step that is run most often has to be run forward beside its reversal.
    let repetitions (steps: int) (snapshots: int) : int =
        Seq.initInfinite id |> Seq.find (fun r -> reach snapshots r >= int64 steps)

    /// <summary>
    /// The fewest steps forward, beside the reversals, that reverse a chain of steps: r n - reach (s + 1) (r - 1), where r are the repetitions
    /// (Griewank and Walther 2000, "Algorithm 799: revolve").
    /// </summary>
    let fewest (steps: int) (snapshots: int) : int64 =
        match repetitions steps snapshots with
        | 0 -> 0L
        | r -> int64 r * int64 steps - reach (snapshots + 1) (r - 1)

    /// Where the next snapshot goes so that the rest takes the fewest steps: between 1 and steps - 1, from the start.
    let split (steps: int) (snapshots: int) : int =
        if snapshots = 1 then
            steps - 1
        else
            // Any place within these bounds is best (Griewank and Walther 2000, equation 4).
            let r = repetitions steps snapshots
            let least = int64 steps - reach (snapshots - 1) r
            let most = reach snapshots (r - 1)
            let right = max least (reach snapshots (max 0 (r - 2)))
            int (min most right) |> max 1 |> min (steps - 1)

    let private part (start: int) (count: int) (xs: 'x) : 'x =
        Tree.map (Tensor.sliceAxis 0 start (start + count) 1) xs

    let private lengthOf (xs: 'x) =
        match Tree.leaves xs with
        | [||] -> Shapes.refuse "scan" "there is no tensor to go along."
        | leaves -> leaves[0].Shape[0]

    let private joined (parts: 'y list) : 'y =
        let leaves = parts |> List.map Tree.leaves

        let whole =
            Array.init leaves.Head.Length (fun i ->
                Tensor.concat 0 (leaves |> List.map (fun part -> part[i])))

        Tree.withLeaves whole parts.Head

    /// <summary>
    /// The same as scan. A derivative keeps about the square root of as many states, and runs every step forward once more: segments of about the
    /// square root of the number of steps are reversed one after another, each from its first state.
    /// </summary>
    let checkpointScan (f: 's -> 'x -> 's * 'y) (init: 's) (xs: 'x) : 's * 'y =
        let length = lengthOf xs
        let segment = max 1 (int (ceil (sqrt (float length))))
        let count = length / segment

        if count <= 1 then
            scan f init xs
        else
            let shaped (t: Tensor) =
                Tensor.sliceAxis 0 0 (count * segment) 1 t
                |> Tensor.reshape (Seq.append [ count; segment ] (Seq.skip 1 t.Shape))

            let state, ys = scan (fun state xs -> scan f state xs) init (Tree.map shaped xs)

            let flat =
                Tree.map (fun t -> Tensor.reshape (Seq.append [ count * segment ] (Seq.skip 2 t.Shape)) t) ys

            if count * segment = length then
                state, flat
            else
                let last, rest = scan f state (part (count * segment) (length - count * segment) xs)
                last, joined [ flat; rest ]

    // More blocks than this would make a program of more instructions than pays.
    [<Literal>]
    let private MostBlocks = 64

    /// <summary>
    /// The same as scan. A derivative keeps at most so many states at a time, the first among them, and runs the fewest steps forward that this allows: the
    /// binomial schedule of Griewank and Walther (2000). Of more than 64 steps, as many equal blocks are scheduled, each of which is reversed as a scan.
    /// </summary>
    /// <exception cref="T:System.ArgumentException">There is less than one snapshot.</exception>
    let scanWithSnapshots (snapshots: int) (f: 's -> 'x -> 's * 'y) (init: 's) (xs: 'x) : 's * 'y =
        if snapshots < 1 then
            Shapes.refuse "scanWithSnapshots" $"cannot keep {snapshots} states; the first is always kept."

        let length = lengthOf xs
        let block = max 1 ((length + MostBlocks - 1) / MostBlocks)
        let blocks = (length + block - 1) / block

        let rec run first count snapshots (state, xs) =
            if count <= 1 then
                scan f state (part (first * block) (min (block * count) (length - first * block)) xs)
            else
                let here = split count snapshots
                let middle, before = checkpoint (run first here snapshots) (state, xs)

                let last, after = checkpoint (run (first + here) (count - here) (snapshots - 1)) (middle, xs)

                last, joined [ before; after ]

        run 0 blocks snapshots (init, xs)
