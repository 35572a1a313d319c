namespace Ad.Functional

open Ad.Tensors

/// <summary>How pooling windows lie on the last axes of a tensor. Lists have a number for each of the window's axes, or one for all.</summary>
type PoolOptions =
    {
        /// Distances between windows; none means that they lie side by side.
        Strides: int list
        /// Room around the image, in which a window finds nothing.
        Padding: Padding
        /// Distances between elements of a window; none means 1.
        Dilation: int list
        /// Whether a last window that the image does not fill counts, if it begins on the image.
        Ceil: bool
        /// Whether padding counts as elements (zeros) in a mean; what Ceil adds never does.
        CountPadding: bool
    }

/// <summary>Pooling: the largest element or the mean of each window over the last axes, of any number of axes.</summary>
[<RequireQualifiedAccess>]
module Pool =
    /// Windows side by side, no padding, no dilation, only whole windows; means count padding.
    let defaults: PoolOptions =
        { Strides = []
          Padding = Padding.Valid
          Dilation = []
          Ceil = false
          CountPadding = true }

    /// Per axis: windows and where the first begins; the room for padding after the last element.
    let private lay name (window: int list) (options: PoolOptions) (x: Tensor) =
        let spatial = window.Length

        let each what (values: int list) (otherwise: int list) =
            match values with
            | [] -> List.toArray otherwise
            | _ when List.exists (fun v -> v < 1) values ->
                Shapes.refuse name $"the {what} {axesOf values} are not all at least 1."
            | [ one ] -> Array.create spatial one
            | _ when values.Length = spatial -> List.toArray values
            | _ ->
                Shapes.refuse name $"the {what} {axesOf values} are not one for each axis of {axesOf window}."

        if spatial = 0 || spatial > x.Rank then
            Shapes.refuse
                name
                $"the window {axesOf window} does not have between 1 and {x.Rank} axes, as {x.Signature} needs."

        let window = each "window's sizes" window []
        let strides = each "strides" options.Strides (List.ofArray window)
        let dilation = each "dilations" options.Dilation (List.replicate spatial 1)
        let reach = Array.map2 (fun w d -> (w - 1) * d + 1) window dilation
        let sizes = Array.init spatial (fun a -> x.Shape[x.Rank - spatial + a])
        let places = Conv.windows name options.Padding sizes reach strides

        let high =
            match options.Padding with
            | Padding.Explicit [ _, high ] -> Array.create spatial high
            | Padding.Explicit pairs when pairs.Length = spatial -> pairs |> List.map snd |> List.toArray
            | Padding.Explicit _
            | Padding.Valid -> Array.zeroCreate spatial
            | Padding.Same ->
                Array.mapi
                    (fun a (count, low) -> max 0 ((count - 1) * strides[a] + reach[a] - sizes[a] - low))
                    places

        let count a (whole, low) =
            let room = sizes[a] + low + high[a] - reach[a]
            let all = (room + strides[a] - 1) / strides[a] + 1

            if not options.Ceil then whole
            elif (all - 1) * strides[a] >= sizes[a] + low then all - 1
            else all

        let positions = Array.mapi count places
        let low = Array.map snd places

        let windows =
            Windows(
                axesOf window,
                axesOf strides,
                axesOf low,
                axesOf (Array.create spatial 1),
                axesOf dilation
            )

        windows, positions, Array.map2 (+) sizes high

    let private run kind (windows: Windows, positions: int[], _) (x: Tensor) =
        Tensor.Create(Window(kind, axesOf positions, windows), x)

    /// How many elements each window of an axis has between two bounds.
    let private counts (windows: Windows) (positions: int[]) axis first bound =
        Array.init positions[axis] (fun p ->
            Seq.init windows.Sizes[axis] (fun q ->
                p * windows.Strides[axis] + q * windows.Dilation[axis] - windows.Low[axis])
            |> Seq.filter (fun i -> first <= i && i < bound)
            |> Seq.length)

    /// <summary>The largest element of each window over the last axes; NaN if one is; -infinity of a window in the padding. Ties share the derivative evenly.</summary>
    /// <exception cref="T:System.ArgumentException">The window does not fit; the message names it and the shape.</exception>
    let max (options: PoolOptions) (window: int list) (x: Tensor) : Tensor =
        run Reduction.Max (lay "maxPool" window options x) x

    /// <summary>The largest element of each window, and where it is: its Int32 position in row-major order of the last axes, the first of ties.</summary>
    /// <exception cref="T:System.ArgumentException">A window lies in the padding and has no position, or does not fit.</exception>
    let maxWithIndices (options: PoolOptions) (window: int list) (x: Tensor) : Tensor * Tensor =
        let windows, positions, _ as laid = lay "maxPool" window options x

        positions
        |> Array.iteri (fun a _ ->
            if Array.contains 0 (counts windows positions a 0 x.Shape[x.Rank - positions.Length + a]) then
                Shapes.refuse "maxPool" $"a window of {axesOf window} lies in the padding of {x.Signature}.")

        run Reduction.Max laid x, run Reduction.ArgMax laid x

    /// <summary>
    /// Zeros of other last axes, to which each element is added at its position, as <c>maxWithIndices</c> gives them; where windows overlap, equal
    /// positions add up.
    /// </summary>
    let unpool (sizes: int list) (indices: Tensor) (x: Tensor) : Tensor =
        if indices.Shape <> x.Shape || sizes.Length > x.Rank then
            Shapes.refuse
                "unpool"
                $"takes a position for each element of {x.Signature}, but was given {indices.Signature} for the sizes {axesOf sizes}."

        let leading = Seq.take (x.Rank - sizes.Length) x.Shape |> List.ofSeq
        let rows = List.fold (*) 1 leading
        let each = Seq.skip leading.Length x.Shape |> Seq.fold (*) 1
        let flat (t: Tensor) = Tensor.reshape [ rows; each ] t

        Tensor.Create(ScatterAdd(1, 1, List.fold (*) 1 sizes), flat indices, flat x)
        |> Tensor.reshape (leading @ sizes)

    /// <summary>The mean of each window over the last axes; 0 / 0 where a window has no elements that count.</summary>
    /// <exception cref="T:System.ArgumentException">The window does not fit; the message names it and the shape.</exception>
    let average (options: PoolOptions) (window: int list) (x: Tensor) : Tensor =
        if not (x.DType.IsFloat()) then
            Shapes.refuse "avgPool" $"takes floats, but was given {x.Signature}."

        let windows, positions, bounds as laid = lay "avgPool" window options x
        let spatial = positions.Length
        let sums = run Reduction.Sum laid x

        let along a =
            if options.CountPadding then
                counts windows positions a -windows.Low[a] bounds[a]
            else
                counts windows positions a 0 x.Shape[x.Rank - spatial + a]

        let numbers = Array.init spatial along

        if numbers |> Array.forall (fun n -> Array.distinct n |> Array.length <= 1) then
            sums
            / (numbers
               |> Array.fold (fun all n -> if n.Length = 0 then all else all * float n[0]) 1.0)
        else
            let divisor =
                numbers
                |> Array.mapi (fun a n ->
                    Tensor.vector (Array.map float n)
                    |> Tensor.cast x.DType
                    |> Tensor.reshape (Seq.init (spatial - a) (fun i -> if i = 0 then n.Length else 1)))
                |> Array.reduce (*)

            sums / divisor

    /// Each axis cut into so many parts, as even as whole numbers go (the i-th from floor(i n / m) to ceil((i + 1) n / m)), and each part reduced.
    let private adaptive name whole (reduce: int -> Tensor -> Tensor) (sizes: int list) (x: Tensor) =
        let first = x.Rank - sizes.Length

        if first < 0 || List.exists (fun m -> m < 1) sizes then
            Shapes.refuse name $"the sizes {axesOf sizes} do not fit {x.Signature}."

        if sizes |> Seq.mapi (fun a m -> x.Shape[first + a] % m = 0) |> Seq.forall id then
            whole (sizes |> List.mapi (fun a m -> x.Shape[first + a] / m)) x
        else
            let along (x: Tensor) (axis, m) =
                let n = x.Shape[axis]

                Tensor.concat
                    axis
                    [ for i in 0 .. m - 1 ->
                          Tensor.sliceAxis axis (i * n / m) (((i + 1) * n + m - 1) / m) 1 x
                          |> reduce axis
                          |> Tensor.expandDims axis ]

            sizes |> List.mapi (fun a m -> first + a, m) |> List.fold along x

    /// The mean of parts of the last axes, so many along each.
    let adaptiveAverage (sizes: int list) (x: Tensor) : Tensor =
        adaptive "adaptiveAverage" (average defaults) (fun axis -> Tensor.meanOver [ axis ]) sizes x

    /// The largest element of parts of the last axes, so many along each.
    let adaptiveMax (sizes: int list) (x: Tensor) : Tensor =
        adaptive "adaptiveMax" (max defaults) (fun axis -> Tensor.maxOver [ axis ]) sizes x

    let private spatial name (x: Tensor) =
        if x.Rank < 3 then
            Shapes.refuse name $"takes an image [N; C; spatial...], but was given {x.Signature}."

        [ 2 .. x.Rank - 1 ]

    /// The mean of each channel of an image [N; C; spatial...].
    let globalAverage (x: Tensor) : Tensor = Tensor.meanOver (spatial "globalAverage" x) x

    /// The largest element of each channel of an image [N; C; spatial...].
    let globalMax (x: Tensor) : Tensor = Tensor.maxOver (spatial "globalMax" x) x
