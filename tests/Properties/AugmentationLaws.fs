/// Images made from images, by what each change leaves alone.
module Properties.AugmentationLaws

open System
open Xunit
open Ad.Functional
open Ad.Checks

let private key = Key.ofSeed 61L
let private s (x: float) = Tensor.scalar x
let private floats (t: Tensor) = Tensor.toArray<float> t
let private number (t: Tensor) = Tensor.toScalar t
let private normal seed shape = Random.normal (Key.ofSeed seed) shape

let private close tolerance (expected: Tensor) (actual: Tensor) =
    Assert.Equal<int list>(Tensor.shape expected, Tensor.shape actual)
    let far = Tensor.max (abs (expected - actual)) |> number
    Assert.True(far <= tolerance, $"apart by {far}, more than {tolerance}")

let private image = normal 1L [ 3; 8; 6 ]

[<Fact>]
let ``A130: crops smaller by 2 have nine places, and each is a part of the image`` () =
    let all = Augmentation.crops 6 4 image
    Assert.Equal(9, all.Length)
    close 0.0 image[*, 1..6, 1..4] all[4]
    close 0.0 all[4] (Augmentation.centreCrop 6 4 image)
    // Every place comes up, and what comes is one of them.
    let found =
        [ for key in Key.split 200 key ->
              let crop = Augmentation.randomCrop 0 6 4 key image
              all |> List.findIndex (fun c -> c = crop) ]

    Assert.Equal<int list>([ 0..8 ], List.sort (List.distinct found))
    Assert.Equal<int list>([ 3; 8; 6 ], Tensor.shape (Augmentation.randomCrop 2 8 6 key image))

[<Fact>]
let ``A131: zooming by 1, turning by 0, shifting by 0 and an empty field change nothing`` () =
    close 1e-14 image (Augmentation.zoom (s 1.0) image)
    close 1e-14 image (Augmentation.rotate (s 0.0) image)
    close 1e-14 image (Augmentation.shift (s 0.0) (s 0.0) image)
    let none = Tensor.zeros Float64 [ 8; 6 ]
    close 1e-14 image (Augmentation.displace none none image)

[<Fact>]
let ``turning four times by a right angle, and shifting by whole pixels, are exact`` () =
    let square = image[*, 0..5, *]
    let quarter = Augmentation.rotate (s (Math.PI / 2.0))
    close 1e-12 square (square |> quarter |> quarter |> quarter |> quarter)
    close 1e-12 (Tensor.flip [ 1 ] (Tensor.permute [ 0; 2; 1 ] square)) (quarter square)
    let moved = Augmentation.shift (s 2.0) (s -1.0) image
    close 1e-14 image[*, ..5, 1..] moved[*, 2.., ..4]
    close 0.0 (Tensor.zeros Float64 [ 3; 2; 6 ]) moved[*, ..1, *]

[<Fact>]
let ``a zoom by 2 makes distances twice as large`` () =
    // A plane a x + b y + c is sampled exactly by lines.
    let plane = Tensor.reshape [ 1; 9; 9 ] (Tensor.arange Float64 81)
    let zoomed = Augmentation.zoom (s 2.0) plane
    close 1e-12 (40.0 + (plane - 40.0) / 2.0) zoomed

[<Fact>]
let ``A132: mirroring twice is nothing, and a coin decides for the key`` () =
    close 0.0 image (Augmentation.mirror (Augmentation.mirror image))
    close 0.0 (Augmentation.mirror image) (Augmentation.randomMirror 1.0 key image)
    close 0.0 image (Augmentation.randomMirror 0.0 key image)

[<Fact>]
let ``A133: colours move along their principal axes, by as much as these vary`` () =
    let mix = Tensor.matrix [ [ 2.0; 1.0; 0.0 ]; [ 0.0; 0.5; 0.3 ]; [ 0.1; 0.0; 0.2 ] ]
    let pixels = Tensor.matmul (normal 2L [ 4; 5; 5; 3 ]) mix
    let c = Augmentation.colours (Tensor.permute [ 0; 3; 1; 2 ] pixels)
    close 0.0 image (Augmentation.colourShift 0.0 c key image)

    let shifts =
        [ for key in Key.split 4000 key ->
              (Augmentation.colourShift 0.1 c key (Tensor.zeros Float64 [ 3; 1; 1 ])) ]
        |> Tensor.stack 0
        |> Tensor.reshape [ 4000; 3 ]

    let deviations = 0.1 * c.Variances
    let expected = Tensor.matmul (Tensor.transpose c.Axes * Tensor.square deviations) c.Axes
    let found = Tensor.matmul (Tensor.transpose shifts) shifts / 4000.0
    // The variance of 4,000 normal numbers has a standard error of 2.2 %.
    close (0.08 * number (Tensor.max expected)) expected found

[<Fact>]
let ``A134: a field of strength 0 changes nothing, and a smooth one differs little from pixel to pixel`` () =
    close 1e-14 image (Augmentation.elastic 0.0 2.0 key image)
    let down, right = Augmentation.field 1.0 3.0 20 20 Float64 key

    for f in [ down; right ] do
        let steps =
            Tensor.maximum
                (Tensor.max (abs (f[1.., *] - f[..18, *])))
                (Tensor.max (abs (f[*, 1..] - f[*, ..18])))
        // Smoothed numbers of at most 1: the bell's own largest step, sum of |w(d) - w(d - 1)|, bounds the field's.
        let weights = [ for d in -9 .. 9 -> Math.Exp(-float(d * d) / 18.0) ]
        let weights = weights |> List.map (fun w -> w / List.sum weights)

        let bound =
            0.0 :: weights @ [ 0.0 ]
            |> List.pairwise
            |> List.sumBy (fun (a, b) -> abs (a - b))

        Assert.InRange(number steps, 0.0, bound)

[<Fact>]
let ``A134: images distorted, turned and zoomed have right derivatives by the image and by the amount`` () =
    let small = normal 3L [ 1; 5; 5 ]

    let report =
        Gradients.check
            (fun (x, angle, factor) ->
                x
                |> Augmentation.elastic 0.7 1.0 key
                |> Augmentation.rotate angle
                |> Augmentation.zoom factor
                |> Tensor.square
                |> Tensor.sum)
            (small, s 0.31, s 1.23)

    Assert.True(report.IsPassed, string report)

[<Fact>]
let ``A136: with circular padding a convolution of a shifted image is the shifted convolution`` () =
    let kernel, x = normal 4L [ 2; 3; 3; 3 ], normal 5L [ 1; 3; 7; 5 ]

    let circular (x: Tensor) =
        let x = Tensor.concat 2 [ x[*, *, 6..6, *]; x; x[*, *, 0..0, *] ]
        let x = Tensor.concat 3 [ x[*, *, *, 4..4]; x; x[*, *, *, 0..0] ]
        Conv.conv Conv.defaults kernel x

    for axis, places in [ 2, 3; 3, 2 ] do
        close 1e-14 (Tensor.roll axis places (circular x)) (circular (Tensor.roll axis places x))

[<Fact>]
let ``A137: predictions for views are averaged, and one view's is the prediction`` () =
    let predict (x: Tensor) = Tensor.softmax -1 (Tensor.reshape [ 3; 48 ] x)
    let mirrored = Augmentation.mirror image
    close 0.0 (predict image) (Augmentation.average predict [ image ])
    close 1e-16 ((predict image + predict mirrored) / 2.0) (Augmentation.average predict [ image; mirrored ])

[<Fact>]
let ``A138: a stream of distorted images does not repeat in a hundred thousand, and begins again from its key``
    ()
    =
    let examples = normal 6L [ 4; 1; 5; 5 ]
    let change = Augmentation.elastic 1.0 1.0
    let stream = Augmentation.stream change 50 key examples
    let batch i = stream |> Seq.item i
    Assert.Equal(batch 3, batch 3)
    let numbers, images = batch 2
    Assert.NotEqual(snd (batch 1), images)
    // The keys of 2,000 batches of 50 are what could repeat; the images are functions of them.
    let firsts = [| for i in 0..1999 -> Key.split 2 (Key.foldIn i key) |> Array.item 1 |]

    let words =
        firsts
        |> Array.map (fun k -> (Key.split 50 k) |> Array.map _.Words |> Tensor.stack 0)
        |> Tensor.stack 0

    let all = Tensor.toArray<int> words |> Array.chunkBySize 2
    Assert.Equal(100_000, (Array.distinctBy (fun (w: int[]) -> struct (w[0], w[1])) all).Length)
    // One example by its own key is the one in the batch.
    let third = (Key.split 2 (Key.foldIn 2 key) |> Array.item 1 |> Key.split 50 |> Array.item 7)
    let drawn = Tensor.toArray<int> numbers
    close 1e-14 images[7] (change third examples[drawn[7]])
