namespace Ad.Functional

open System
open Ad.Tensors

/// The transposes of linear operations, and what extremes share.
[<RequireQualifiedAccess>]
module internal Transposes =
    /// The reduced axes put back at size 1, then repeated to the input's shape.
    let spread (axes: Axes) (input: Tensor) (reduced: Tensor) =
        reduced
        |> Tensor.reshape (input.Shape |> Seq.mapi (fun a n -> if axes.Contains a then 1 else n))
        |> Tensor.broadcastTo input.Shape

    /// Each extreme element's share: 1 over their number where the input equals the result, else 0.
    let private shares (axes: Axes) (x: Tensor) (y: Tensor) =
        let isExtreme = Tensor.equal x (spread axes x y) |> Tensor.cast x.DType
        isExtreme / spread axes x (Tensor.sumOver (axes.ToArray()) isExtreme)

    let extreme (axes: Axes) =
        Rule(
            (fun x y t ->
                t[0]
                |> Option.map (fun t ->
                    Tensor.sumOver (axes.ToArray()) (Tensor.scale t (shares axes x[0] y)))),
            (fun x y g -> [| Some(Tensor.scale (spread axes x[0] g) (shares axes x[0] y)) |])
        )

    /// Sums over what broadcasting repeated.
    let unbroadcast (input: Tensor) (g: Tensor) =
        let added = g.Rank - input.Rank

        let repeated =
            [ for a in 0 .. g.Rank - 1 do
                  if a < added || (input.Shape[a - added] = 1 && g.Shape[a] <> 1) then
                      a ]

        Tensor.sumOver repeated g |> Tensor.reshape input.Shape

    let inverse (axes: Axes) =
        let order = axes.ToArray()
        Array.init order.Length (fun i -> Array.IndexOf(order, i))

    /// The transpose of a slice puts the elements back where they came from, among zeros.
    let unslice (starts: Axes) (steps: Axes) (input: Tensor) (g: Tensor) =
        let used =
            Array.init g.Rank (fun a ->
                if g.Shape[a] = 0 then
                    0
                else
                    (g.Shape[a] - 1) * steps[a] + 1)

        let high = Array.init g.Rank (fun a -> input.Shape[a] - starts[a] - used[a])
        let low = Array.init g.Rank (fun a -> starts[a])
        let interior = Array.init g.Rank (fun a -> steps[a] - 1)
        Tensor.Create(Pad(axesOf low, axesOf high, axesOf interior), g)

    let unpad (low: Axes) (interior: Axes) (input: Tensor) (g: Tensor) =
        let steps = Array.init g.Rank (fun a -> interior[a] + 1)
        Tensor.Create(Slice(low, axesOf input.Shape, axesOf steps), g)

    /// The transpose of a contraction is a contraction with the other operand, its axes put in the input's order.
    let uncontract (lb: Axes) (rb: Axes) (ls: Axes) (rs: Axes) (x: Tensor[]) (g: Tensor) i =
        let mine, other, myBatch, otherBatch, mySummed, otherSummed =
            if i = 0 then
                x[0], x[1], lb.ToArray(), rb.ToArray(), ls.ToArray(), rs.ToArray()
            else
                x[1], x[0], rb.ToArray(), lb.ToArray(), rs.ToArray(), ls.ToArray()

        let free (t: Tensor) batch summed =
            [| for a in 0 .. t.Rank - 1 do
                   if not (Array.contains a batch || Array.contains a summed) then
                       a |]

        let myFree, otherFree = free mine myBatch mySummed, free other otherBatch otherSummed
        let batch = myBatch.Length

        let freeOfOtherInG =
            let start = if i = 0 then batch + myFree.Length else batch
            Array.init otherFree.Length (fun k -> start + k)

        // Result axes: batch, my free axes, then the summed axes in the order in which the other operand has them.
        let product =
            Tensor.Create(
                Contract(
                    axesOf (Array.init batch id),
                    axesOf otherBatch,
                    axesOf freeOfOtherInG,
                    axesOf otherFree
                ),
                g,
                other
            )

        let summedInOrder = Array.zip otherSummed mySummed |> Array.sortBy fst |> Array.map snd
        let places = Array.concat [ myBatch; myFree; summedInOrder ]
        Tensor.permute (Array.init places.Length (fun axis -> Array.IndexOf(places, axis))) product

    /// Both transposes of a convolution are convolutions: by the image with the kernel turned around, its rows and channels exchanged; by the
    /// kernel of the image and the cotangent, with examples for channels. Strides and dilations change places.
    let unconvolve strides (low: Axes) inputDilation (dilation: Axes) (x: Tensor[]) (g: Tensor) i =
        let spatial (t: Tensor) = t.Shape |> Seq.skip 3 |> axesOf
        let ordered first = Seq.append first (Seq.init low.Count ((+) 3))

        if i = 0 then
            let turned =
                Tensor.flip (Seq.init low.Count ((+) 3)) x[1]
                |> Tensor.permute (ordered [ 0; 2; 1 ])

            let fromEnd =
                Seq.init low.Count (fun a -> (x[1].Shape[a + 3] - 1) * dilation[a] - low[a])
                |> axesOf

            Tensor.Create(Convolve(spatial x[0], inputDilation, fromEnd, strides, dilation), g, turned)
        else
            let image = Tensor.permute (ordered [ 2; 1; 0 ]) x[0]
            let window = Tensor.permute (ordered [ 1; 2; 0 ]) g

            Tensor.Create(Convolve(spatial x[1], dilation, low, inputDilation, strides), image, window)
            |> Tensor.permute (ordered [ 1; 2; 0 ])

    /// The transpose of sums in windows: sums in the same windows over what is spread out by their strides.
    let unwindow (windows: Windows) (x: Tensor) (g: Tensor) =
        let first = x.Rank - windows.Count

        let fromEnd =
            Seq.init windows.Count (fun a -> (windows.Sizes[a] - 1) * windows.Dilation[a] - windows.Low[a])
            |> axesOf

        let turned = Windows(windows.Sizes, windows.InputDilation, fromEnd, windows.Strides, windows.Dilation)

        Tensor.Create(Window(Reduction.Sum, axesOf (Seq.skip first x.Shape), turned), g)

    // The extremes of windows change as the mean of where they are attained, and that is piecewise linear: winners do not change.
    let share kind positions windows (x: Tensor) (t: Tensor) =
        Tensor.Create(WindowShare(kind, positions, windows), x, t)

    let spreadOut kind windows (x: Tensor) (g: Tensor) = Tensor.Create(WindowSpread(kind, windows), x, g)
