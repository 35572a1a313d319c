namespace Ad.Functional

open Ad.Tensors

/// Zeros around an image.
[<RequireQualifiedAccess>]
type Padding =
    /// None: windows lie inside the image.
    | Valid
    /// As many as give ceil(size / stride) positions, an odd one at the end.
    | Same
    /// So many before and after, one pair for each spatial axis or one for all; negative numbers cut off.
    | Explicit of (int * int) list

/// <summary>How windows lie on an image. Lists have a number for each spatial axis, one for all, or none for ones.</summary>
type ConvOptions =
    {
        /// Distances between windows.
        Strides: int list
        /// Zeros around the image.
        Padding: Padding
        /// Distances between elements of a window.
        Dilation: int list
        /// Distances between elements of the image, zeros between them: a transposed convolution's stride.
        InputDilation: int list
        /// Channels are cut into so many groups, each convolved by itself with its part of the kernel's rows.
        Groups: int
    }

/// <summary>Convolutions, in the field's sense: sums of products of a kernel with every window of an image, not turned around.</summary>
/// <remarks>Images are [N; C; spatial...], kernels [O; C / groups; window...], results [N; O; spatial...].</remarks>
[<RequireQualifiedAccess>]
module Conv =
    /// Stride 1, no padding, no dilation, one group.
    let defaults: ConvOptions =
        { Strides = []
          Padding = Padding.Valid
          Dilation = []
          InputDilation = []
          Groups = 1 }

    let private each name what spatial (values: int list) =
        match values with
        | [] -> Array.create spatial 1
        | _ when List.exists (fun v -> v < 1) values ->
            Shapes.refuse name $"the {what} {axesOf values} are not all at least 1."
        | [ one ] -> Array.create spatial one
        | _ when values.Length = spatial -> List.toArray values
        | _ ->
            Shapes.refuse name $"the {what} {axesOf values} are not one for each of {spatial} spatial axes."

    let private around name spatial (pairs: (int * int) list) =
        match pairs with
        | [] -> Array.create spatial (0, 0)
        | [ one ] -> Array.create spatial one
        | _ when pairs.Length = spatial -> List.toArray pairs
        | _ ->
            Shapes.refuse name $"the padding names {pairs.Length} axes, but there are {spatial} spatial axes."

    /// Elements from the first to the last of so many at a distance.
    let private reach count distance = if count = 0 then 0 else (count - 1) * distance + 1

    /// For each spatial axis how many windows there are, and how many zeros come first.
    let internal windows name (padding: Padding) (sizes: int[]) (window: int[]) (strides: int[]) =
        match padding with
        | Padding.Same ->
            Array.map3
                (fun n w stride ->
                    let count = (n + stride - 1) / stride
                    count, max 0 ((count - 1) * stride + w - n) / 2)
                sizes
                window
                strides
        | Padding.Valid
        | Padding.Explicit _ ->
            let pairs =
                match padding with
                | Padding.Explicit pairs -> around name sizes.Length pairs
                | Padding.Valid
                | Padding.Same -> around name sizes.Length []

            Array.mapi
                (fun a n ->
                    let low, high = pairs[a]
                    let room = n + low + high - window[a]

                    if room < 0 then
                        Shapes.refuse
                            name
                            $"the window {axesOf window} is larger than the padded image {axesOf (Array.mapi (fun a n -> n + fst pairs[a] + snd pairs[a]) sizes)}."

                    room / strides[a] + 1, low)
                sizes

    let private run name spatial (options: ConvOptions) (kernel: Tensor) (x: Tensor) =
        if spatial < 0 || x.Rank <> spatial + 2 || kernel.Rank <> spatial + 2 then
            let axes =
                if spatial < 0 then
                    "[N; C; spatial...]"
                else
                    $"{spatial} spatial axes"

            Shapes.refuse
                name
                $"takes an image and a kernel of {axes}, but was given {x.Signature} and {kernel.Signature}."

        let groups = options.Groups

        if
            groups < 1
            || x.Shape[1] <> kernel.Shape[1] * groups
            || kernel.Shape[0] % groups <> 0
        then
            Shapes.refuse
                name
                $"the image {x.Signature} and the kernel {kernel.Signature} do not fit with {groups} groups: {x.Shape[1]} channels, of which a row of the kernel takes {kernel.Shape[1]}, and {kernel.Shape[0]} rows."

        let strides = each name "strides" spatial options.Strides
        let dilation = each name "dilations" spatial options.Dilation
        let inputDilation = each name "input dilations" spatial options.InputDilation
        let window = Array.init spatial (fun a -> kernel.Shape[a + 2])

        if Array.contains 0 window then
            Shapes.refuse name $"the kernel {kernel.Signature} has an empty window."

        let sizes = Array.init spatial (fun a -> reach x.Shape[a + 2] inputDilation[a])
        let places = windows name options.Padding sizes (Array.map2 reach window dilation) strides

        let spread (t: Tensor) first second =
            Tensor.reshape (Seq.concat [ first; second; Seq.skip 2 t.Shape ]) t

        let image = spread x [ x.Shape[0] ] [ groups; kernel.Shape[1] ]
        let rows = spread kernel [ groups; kernel.Shape[0] / groups ] [ kernel.Shape[1] ]

        let result =
            Tensor.Create(
                Convolve(
                    axesOf (Array.map fst places),
                    axesOf strides,
                    axesOf (Array.map snd places),
                    axesOf inputDilation,
                    axesOf dilation
                ),
                image,
                rows
            )

        Tensor.reshape
            (Seq.concat [ [ x.Shape[0]; kernel.Shape[0] ]; List.ofArray (Array.map fst places) ])
            result

    /// <summary>
    /// The convolution of an image [N; C; spatial...] with a kernel [O; C / groups; window...], for any number of spatial axes:
    /// result[n, o, p] = sum over c, q of image[n, c, p stride + q dilation - padding] kernel[o, c, q].
    /// </summary>
    /// <remarks>Padding adds nothing to a sum, not even where the kernel is infinite.</remarks>
    /// <exception cref="T:System.ArgumentException">The shapes do not fit; the message names them.</exception>
    let conv (options: ConvOptions) (kernel: Tensor) (x: Tensor) : Tensor =
        run "conv" (x.Rank - 2) options kernel x

    let private simple name spatial stride padding kernel x =
        run
            name
            spatial
            { defaults with
                Strides = [ stride ]
                Padding = Padding.Explicit [ padding, padding ] }
            kernel
            x

    /// The convolution along one axis with a stride and as many zeros at both ends.
    let conv1d (stride: int) (padding: int) (kernel: Tensor) (x: Tensor) : Tensor =
        simple "conv1d" 1 stride padding kernel x

    /// The convolution along two axes with a stride and as many zeros at all ends.
    let conv2d (stride: int) (padding: int) (kernel: Tensor) (x: Tensor) : Tensor =
        simple "conv2d" 2 stride padding kernel x

    /// The convolution along three axes with a stride and as many zeros at all ends.
    let conv3d (stride: int) (padding: int) (kernel: Tensor) (x: Tensor) : Tensor =
        simple "conv3d" 3 stride padding kernel x

    let private runTransposed
        name
        spatial
        (options: ConvOptions)
        (outputPadding: int list)
        (kernel: Tensor)
        (x: Tensor)
        =
        let groups = options.Groups

        if
            spatial < 0
            || x.Rank <> spatial + 2
            || kernel.Rank <> spatial + 2
            || groups < 1
            || x.Shape[1] <> kernel.Shape[0]
            || kernel.Shape[0] % groups <> 0
        then
            Shapes.refuse
                name
                $"takes an image [N; C; spatial...] and a kernel [C; O / groups; window...], but was given {x.Signature} and {kernel.Signature} with {groups} groups."

        let strides = each name "strides" spatial options.Strides
        let dilation = each name "dilations" spatial options.Dilation
        let window = Array.init spatial (fun a -> reach kernel.Shape[a + 2] dilation[a])

        let extra =
            match outputPadding with
            | [] -> Array.zeroCreate spatial
            | [ one ] -> Array.create spatial one
            | several when several.Length = spatial -> List.toArray several
            | several ->
                Shapes.refuse
                    name
                    $"the output padding {axesOf several} is not one for each of {spatial} spatial axes."

        extra
        |> Array.iteri (fun a more ->
            if more < 0 || more >= max strides[a] dilation[a] then
                Shapes.refuse
                    name
                    $"the output padding {more} along axis {a} is not below the stride {strides[a]} or the dilation {dilation[a]}.")

        let pairs =
            match options.Padding with
            | Padding.Explicit pairs -> around name spatial pairs
            | Padding.Valid -> around name spatial []
            // As the convolution that this one transposes: sizes are multiplied by the stride.
            | Padding.Same ->
                Array.map2
                    (fun w stride ->
                        let total = max 0 (w - stride)
                        total / 2, total - total / 2)
                    window
                    strides

        // [C; O / groups] becomes [O; C / groups], each group by itself.
        let rest = Seq.skip 2 kernel.Shape |> List.ofSeq
        let perGroup = kernel.Shape[0] / groups
        let flipped = Tensor.flip (Seq.init spatial ((+) 2)) kernel

        let turned =
            Tensor.reshape ([ groups; perGroup; kernel.Shape[1] ] @ rest) flipped
            |> Tensor.swapAxes 1 2
            |> Tensor.reshape ([ groups * kernel.Shape[1]; perGroup ] @ rest)

        let padding =
            [ for a in 0 .. spatial - 1 ->
                  window[a] - 1 - fst pairs[a], window[a] - 1 - snd pairs[a] + extra[a] ]

        run
            name
            spatial
            { options with
                Strides = []
                InputDilation = List.ofArray strides
                Padding = Padding.Explicit padding }
            turned
            x

    /// <summary>
    /// The transposed convolution of an image [N; C; spatial...] with a kernel [C; O / groups; window...]: what takes a convolution's results back
    /// to the shape of its images, of size (size - 1) stride + (window - 1) dilation + 1 - padding + outputPadding along each axis.
    /// </summary>
    /// <remarks>Input dilation is not used: the strides take its place.</remarks>
    /// <exception cref="T:System.ArgumentException">The shapes do not fit, or outputPadding reaches the stride.</exception>
    let convTranspose (options: ConvOptions) (outputPadding: int list) (kernel: Tensor) (x: Tensor) : Tensor =
        runTransposed "convTranspose" (x.Rank - 2) options outputPadding kernel x

    let private simpleTransposed name spatial stride padding outputPadding kernel x =
        runTransposed
            name
            spatial
            { defaults with
                Strides = [ stride ]
                Padding = Padding.Explicit [ padding, padding ] }
            [ outputPadding ]
            kernel
            x

    /// The transposed convolution along one axis with a stride, padding taken off both ends, and outputPadding added at the end.
    let convTranspose1d
        (stride: int)
        (padding: int)
        (outputPadding: int)
        (kernel: Tensor)
        (x: Tensor)
        : Tensor =
        simpleTransposed "convTranspose1d" 1 stride padding outputPadding kernel x

    /// The transposed convolution along two axes with a stride, padding taken off all ends, and outputPadding added at the later ones.
    let convTranspose2d
        (stride: int)
        (padding: int)
        (outputPadding: int)
        (kernel: Tensor)
        (x: Tensor)
        : Tensor =
        simpleTransposed "convTranspose2d" 2 stride padding outputPadding kernel x

    /// The transposed convolution along three axes with a stride, padding taken off all ends, and outputPadding added at the later ones.
    let convTranspose3d
        (stride: int)
        (padding: int)
        (outputPadding: int)
        (kernel: Tensor)
        (x: Tensor)
        : Tensor =
        simpleTransposed "convTranspose3d" 3 stride padding outputPadding kernel x
