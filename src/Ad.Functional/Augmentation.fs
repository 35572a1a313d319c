namespace Ad.Functional

open System
open Ad.Tensors

/// <summary>Images made from images, [channels; height; width] each, by keys: what varies is a tensor, so that <c>vmap</c> takes a batch with a key each.</summary>
/// <remarks>All but crops are differentiable by the image and by what moves it.</remarks>
[<RequireQualifiedAccess>]
module Augmentation =
    let private sizes name (image: Tensor) =
        if image.Rank <> 3 then
            Shapes.refuse
                name
                $"takes an image of channels, rows and columns, but was given {image.Signature}."

        image.Shape[1], image.Shape[2]

    // Crops and mirrors

    /// The part of an image of so many rows and columns that begins at a row and a column.
    [<CompiledName("Crop")>]
    let crop (row: int) (column: int) (rows: int) (columns: int) (image: Tensor) : Tensor =
        let height, width = sizes "crop" image

        if
            row < 0
            || column < 0
            || rows < 1
            || columns < 1
            || row + rows > height
            || column + columns > width
        then
            Shapes.refuse "crop" $"{rows} x {columns} from ({row}, {column}) is not within {image.Signature}."

        Tensor.slice [ 0, image.Shape[0], 1; row, row + rows, 1; column, column + columns, 1 ] image

    /// All crops of a size, row by row.
    [<CompiledName("Crops")>]
    let crops (rows: int) (columns: int) (image: Tensor) : Tensor list =
        let height, width = sizes "crops" image

        [ for row in 0 .. height - rows do
              for column in 0 .. width - columns -> crop row column rows columns image ]

    /// The middle of an image, as large as asked for.
    [<CompiledName("CentreCrop")>]
    let centreCrop (rows: int) (columns: int) (image: Tensor) : Tensor =
        let height, width = sizes "centreCrop" image
        crop ((height - rows) / 2) ((width - columns) / 2) rows columns image

    /// A crop whose place the key gives, of an image with so many rows and columns of zeros around it.
    [<CompiledName("RandomCrop")>]
    let randomCrop (padding: int) (rows: int) (columns: int) (key: Key) (image: Tensor) : Tensor =
        let padded = Tensor.pad [ 0, 0; padding, padding; padding, padding ] image
        let height, width = sizes "randomCrop" padded

        if rows < 1 || columns < 1 || rows > height || columns > width then
            Shapes.refuse "randomCrop" $"{rows} x {columns} is not within {padded.Signature}."

        let keys = Key.split 2 key
        let from axis limit = Random.integers 0 (limit + 1) keys[axis] []
        let at axis limit count = from axis limit + Tensor.arange DType.Int32 count

        padded
        |> Tensor.take 1 (at 0 (height - rows) rows)
        |> Tensor.take 2 (at 1 (width - columns) columns)

    /// Left and right exchanged.
    [<CompiledName("Mirror")>]
    let mirror (image: Tensor) : Tensor =
        sizes "mirror" image |> ignore
        Tensor.flip [ 2 ] image

    /// The mirror image with a probability.
    [<CompiledName("RandomMirror")>]
    let randomMirror (probability: float) (key: Key) (image: Tensor) : Tensor =
        Tensor.where (Random.bernoulli probability key []) (mirror image) image

    // Where pixels come from

    /// <summary>The image at places between its pixels, each a row and a column from 0, by lines in both directions; 0 outside.</summary>
    [<CompiledName("Sample")>]
    let sample (rows: Tensor) (columns: Tensor) (image: Tensor) : Tensor =
        let height, width = sizes "sample" image
        let channels = image.Shape[0]
        let flat = Tensor.reshape [ channels; height * width ] image
        let top, left = Tensor.stopGradient (Tensor.floor rows), Tensor.stopGradient (Tensor.floor columns)

        let corner (down: float) (right: float) =
            let row, column = top + down, left + right
            let weight = (1.0 - abs (rows - row)) * (1.0 - abs (columns - column))

            let isWithin (limit: int) (t: Tensor) =
                Tensor.logicalAnd
                    (Tensor.greaterEqual t (Tensor.zerosLike t))
                    (Tensor.lessEqual t (Tensor.fullLike t (float (limit - 1))))

            let isInside = Tensor.logicalAnd (isWithin height row) (isWithin width column)
            let place limit t = Tensor.cast DType.Int32 (Tensor.clip 0.0 (float (max 0 (limit - 1))) t)
            let index = Tensor.flatten (place height row * width + place width column)
            let found = Tensor.take 1 index flat |> Tensor.reshape (channels :: Seq.toList rows.Shape)
            Tensor.where isInside weight (Tensor.zerosLike weight) * found

        corner 0.0 0.0 + corner 0.0 1.0 + corner 1.0 0.0 + corner 1.0 1.0

    let private grid (image: Tensor) =
        let height, width = sizes "grid" image
        let along axis = Tensor.iota image.DType [ height; width ] axis
        along 0, along 1, float (height - 1) / 2.0, float (width - 1) / 2.0

    /// Each pixel from where a displacement, in pixels down and to the right, [height; width] each, points.
    [<CompiledName("Displace")>]
    let displace (down: Tensor) (right: Tensor) (image: Tensor) : Tensor =
        let rows, columns, _, _ = grid image
        sample (rows + down) (columns + right) image

    /// The image by a linear map about its middle: the pixel at d from there comes from a d, (row, column).
    [<CompiledName("Linear")>]
    let linear (a: Tensor) (image: Tensor) : Tensor =
        let rows, columns, middle, centre = grid image
        let y, x = rows - middle, columns - centre
        sample (a[0, 0] * y + a[0, 1] * x + middle) (a[1, 0] * y + a[1, 1] * x + centre) image

    /// The image turned about its middle by an angle, in radians, a tensor of rank 0; counter-clockwise as images are seen.
    [<CompiledName("Rotate")>]
    let rotate (angle: Tensor) (image: Tensor) : Tensor =
        let c, s = Tensor.cast image.DType (cos angle), Tensor.cast image.DType (sin angle)
        linear (Tensor.reshape [ 2; 2 ] (Tensor.stack 0 [ c; s; -s; c ])) image

    /// The image made larger by a factor, a tensor of rank 0, about its middle; 1 changes nothing.
    [<CompiledName("Zoom")>]
    let zoom (factor: Tensor) (image: Tensor) : Tensor =
        let inverse = Tensor.cast image.DType (1.0 / factor)
        linear (inverse * Tensor.eye image.DType 2) image

    /// Moved down and to the right by so many pixels, tensors of rank 0.
    [<CompiledName("Shift")>]
    let shift (down: Tensor) (right: Tensor) (image: Tensor) : Tensor =
        let rows, columns, _, _ = grid image
        sample (rows - Tensor.cast image.DType down) (columns - Tensor.cast image.DType right) image

    /// Weights e^(-d^2 / 2 sigma^2), with the sum 1, up to three sigma.
    let private bell (dtype: DType) (sigma: float) =
        let reach = max 1 (int (Math.Ceiling(3.0 * sigma)))
        let weights = [ for d in -reach .. reach -> Math.Exp(-float(d * d) / (2.0 * sigma * sigma)) ]

        reach,
        Tensor.vector (weights |> List.map (fun w -> w / List.sum weights))
        |> Tensor.cast dtype

    /// An image smoothed by the bell curve of a width in pixels, in both directions; outside is 0.
    [<CompiledName("Smooth")>]
    let smooth (sigma: float) (image: Tensor) : Tensor =
        let height, width = sizes "smooth" image

        if not (sigma > 0.0 && sigma < infinity) then
            Shapes.refuse "smooth" $"the width {sigma} is not above 0."

        let reach, weights = bell image.DType sigma
        let n = 2 * reach + 1

        let along (kernel: int list) padding (x: Tensor) =
            Conv.conv
                { Conv.defaults with
                    Padding = Padding.Explicit padding }
                (Tensor.reshape (1 :: 1 :: kernel) weights)
                x

        Tensor.reshape [ image.Shape[0]; 1; height; width ] image
        |> along [ n; 1 ] [ reach, reach; 0, 0 ]
        |> along [ 1; n ] [ 0, 0; reach, reach ]
        |> Tensor.reshape image.Shape

    /// <summary>A smooth random displacement (Simard, Steinkraus and Platt 2003): uniform numbers in [-1, 1) smoothed by a width, times a strength, both in pixels.</summary>
    [<CompiledName("Field")>]
    let field
        (strength: float)
        (sigma: float)
        (height: int)
        (width: int)
        (dtype: DType)
        (key: Key)
        : Tensor * Tensor =
        let smoothed =
            smooth sigma (2.0 * Random.uniformOf dtype key [ 2; height; width ] - 1.0)
            * strength

        smoothed[0], smoothed[1]

    /// The image with a random elastic distortion.
    [<CompiledName("Elastic")>]
    let elastic (strength: float) (sigma: float) (key: Key) (image: Tensor) : Tensor =
        let height, width = sizes "elastic" image
        let down, right = field strength sigma height width image.DType key
        displace down right image

    // Colours

    /// The principal components of the colours of images [N; channels; height; width].
    [<CompiledName("Colours")>]
    let colours (images: Tensor) : Components =
        if images.Rank <> 4 then
            Shapes.refuse
                "colours"
                $"takes images of channels, rows and columns, but was given {images.Signature}."

        Components.ofExamples (Tensor.reshape [ -1; images.Shape[1] ] (Tensor.permute [ 0; 2; 3; 1 ] images))

    /// All pixels shifted along the principal colours by normal numbers times a strength times their variances (Krizhevsky et al. 2012, section 4.1).
    [<CompiledName("ColourShift")>]
    let colourShift (strength: float) (c: Components) (key: Key) (image: Tensor) : Tensor =
        sizes "colourShift" image |> ignore
        let amounts = strength * c.Variances * Random.normalOf c.Variances.DType key c.Variances.Shape
        image + Tensor.reshape [ image.Shape[0]; 1; 1 ] (Tensor.matmul amounts c.Axes)

    // Many from few

    /// The mean of predictions for several views of the same examples; of one view it is the prediction.
    [<CompiledName("Average")>]
    let average (predict: Tensor -> Tensor) (views: Tensor list) : Tensor =
        if views.IsEmpty then
            Shapes.refuse "average" "takes at least one view."

        (views |> List.map predict |> List.reduce (+)) / float views.Length

    /// <summary>Batches without end of examples [N; ...] changed by keys: the numbers of those drawn, and what they became.</summary>
    /// <remarks>The i-th batch depends on the key and on i alone, so that the stream can be taken up anywhere.</remarks>
    [<CompiledName("Stream")>]
    let stream
        (augment: Key -> Tensor -> Tensor)
        (batch: int)
        (key: Key)
        (examples: Tensor)
        : (Tensor * Tensor) seq =
        if batch < 1 || examples.Rank < 1 || examples.Shape[0] < 1 then
            Shapes.refuse
                "stream"
                $"takes batches of at least 1 and examples, but was given {batch} and {examples.Signature}."

        let one = jit (vmap (fun (key, x) -> augment key x))

        Seq.initInfinite (fun i ->
            let keys = Key.split 2 (Key.foldIn i key)
            let drawn = Random.integers 0 examples.Shape[0] keys[0] [ batch ]
            let each = Key.split batch keys[1]
            let words = { Words = each |> Array.map _.Words |> Tensor.stack 0 }
            drawn, one (words, Tensor.take 0 drawn examples))
