// Digits: a baseline with both of its curves, its first filters as a picture, and what turned examples do for turned digits. EMNIST's or MNIST's IDX files are
// read from the folder that EMNIST_DIR names; without one, the digits of the host stand in, and it says so.
#load "lib/Prelude.fsx"
#load "lib/Plot.fsx"

open System
open System.IO
open System.IO.Compression
open Ad.Functional

let number (t: Tensor) = Tensor.toScalar t

let unpacked (path: string) =
    use file = File.OpenRead path
    use all = new MemoryStream()

    if path.EndsWith ".gz" then
        use gzip = new GZipStream(file, CompressionMode.Decompress)
        gzip.CopyTo all
    else
        file.CopyTo all

    all.ToArray()

// Pictures [N; 1; height; width] from 0 to 1, and classes.
let digits () =
    let folder = Path.Combine(__SOURCE_DIRECTORY__, "..", "src", "Ad.Host", "Data")
    let text = Text.Encoding.UTF8.GetString(unpacked (Path.Combine(folder, "digits.csv.gz")))

    let rows =
        text.Split('\n', StringSplitOptions.RemoveEmptyEntries)
        |> Array.map _.Split(',')

    let rows = rows |> Array.filter (fun r -> r.Length = 65) |> Array.map (Array.map float)
    let inputs = rows |> Array.collect (fun r -> r[..63] |> Array.map (fun p -> p / 16.0))
    Tensor.ofArray [ rows.Length; 1; 8; 8 ] inputs, Tensor.vector (rows |> Array.map (fun r -> int r[64]))

let idx (folder: string) =
    let find (part: string) =
        Directory.GetFiles folder
        |> Array.find (fun f -> Path.GetFileName(f).Contains part)

    let images, labels = unpacked (find "train-images-idx3"), unpacked (find "train-labels-idx1")
    let size (at: int) = Buffers.Binary.BinaryPrimitives.ReadInt32BigEndian(ReadOnlySpan(images, at, 4))
    let n = min 10_000 (size 4)

    let pixels =
        images[16 .. 16 + n * size 8 * size 12 - 1]
        |> Array.map (fun b -> float b / 255.0)

    Tensor.ofArray [ n; 1; size 8; size 12 ] pixels, Tensor.vector (labels[8 .. 8 + n - 1] |> Array.map int)

let name, (images, classes) =
    match Environment.GetEnvironmentVariable "EMNIST_DIR" with
    | null
    | "" -> "the digits that come with the host, in EMNIST's stead", digits ()
    | folder -> folder, idx folder

let all = images.Shape[0]
printfn $"{name}: {all} pictures of {images.Shape[2]} x {images.Shape[3]}"
//> the digits that come with the host, in EMNIST's stead: 1797 pictures of 8 x 8

// Four fifths to train with.
let order = Selection.permutation (Key.ofSeed 1L) all

let part (from: int) until =
    let places = Tensor.vector order[from .. until - 1] in
    Tensor.eval (Tensor.take 0 places images, Tensor.take 0 places classes)

let trainX, trainY = part 0 (all * 4 / 5)
let testX, testY = part (all * 4 / 5) all
let count = Seq.max (Tensor.toArray<int> classes) + 1

let net =
    Network.ofModel (Classifiers.make "mlp" Float64 [ 1; images.Shape[2]; images.Shape[3] ] count [ 64 ] 0.2)

/// Losses and accuracies of each epoch, and the last state.
let train change epochs =
    let batch = 64
    let perEpoch = trainX.Shape[0] / batch

    let settings: OptimizerSettings =
        { Rate = Schedules.cosine 0.01 0.0 (epochs * perEpoch)
          WeightDecay = 0.01
          FirstDecay = Nullable()
          SecondDecay = Nullable()
          Epsilon = Nullable() }

    let o = Recipes.optimizer "adam" settings
    let step = jitFold (Learning.step net o 0.0 change Losses.crossEntropy)
    let loss = jit (fun (l, x, y) -> Losses.crossEntropy (Learning.predict net l x) y)
    let start = Learning.start net o 0.0 (Key.ofSeed 2L)

    (start, seq { 0 .. epochs - 1 })
    ||> Seq.scan (fun learner epoch ->
        let order = Selection.permutation (Key.foldIn epoch (Key.ofSeed 3L)) trainX.Shape[0]

        let batches =
            seq {
                for i in 0 .. perEpoch - 1 do
                    let places = Tensor.vector order[i * batch .. (i + 1) * batch - 1]
                    Tensor.take 0 places trainX, Tensor.take 0 places trainY
            }

        fst (step learner batches))
    |> Seq.map (fun l -> number (loss (l, trainX, trainY)), number (loss (l, testX, testY)), l)
    |> List.ofSeq

let share learner x y = number (Losses.correct (Learning.predict net learner x) y) / float y.Shape[0]

let run = train None 30
let _, _, last = List.last run

Plot.draw
    "curves.svg"
    "A baseline on digits: both losses"
    "epochs"
    "log10 of the loss"
    [ { Name = "training"
        Points = [ for i, (l, _, _) in List.indexed run -> float i, log10 l ] }
      { Name = "held out"
        Points = [ for i, (_, l, _) in List.indexed run -> float i, log10 l ] } ]

printfn $"baseline: {share last testX testY:P0} right of those held out"
//> baseline: 97 % right of those held out

// The first layer's filters, as characters: the first six.
let filters = Monitor.grid images.Shape[2] images.Shape[3] (Tensor.transpose last.Parameters["0.Weights"])
let picture = Tensor.toArray<float> filters |> Array.chunkBySize filters.Shape[1]

Plot.write "filters.svg" (Plot.greys "The first filters of a baseline on digits" picture)

for row in picture[..7] do
    row[..53]
    |> Array.map (fun v -> " .:-=+*#%@"[min 9 (int (v * 10.0))])
    |> String
    |> _.TrimEnd()
    |> printfn "%s"
//> -..:-.:. **+ =#++ :- .= :+ -:.=:.:* #+-*-#=+ #==-*==+
//> =+=:=*:- --++ %@# :+.=  -= #+--:*-* :-:=%*+- =-=.=+=+
//> +++==@*. --++@--* .-#+--** ==*=-#*= #%-#@=+* @==-* -+
//> --+*.=+. +=#+=+=# *#-:=*%% =-=--=%- *+:++:.+ **-+=#%-
//> ---+ ::: **#-++-# *+*==*+= -++=-=== ++=+*+ + +*+++=+*
//> ..--.:-- @=%*#+=* =%++#==  =*@%#+*+ = *@=**# =-%-- -%
//> .--:.::+ %%=+*=:+ =@.-+ -: :.--:-=: = #%#@%+ -*=-#:+@
//> :. -=: : =++:+**+ -=:.*==+ . .--- : #=:+%%%% #-#+@+-*

let units =
    Monitor.units
        0.97
        (Tensor.relu (
            Tensor.matmul (Tensor.reshape [ testX.Shape[0]; -1 ] testX) last.Parameters["0.Weights"]
            + last.Parameters["0.Bias"]
        ))

printfn $"hidden units: {units.Dead:P0} dead, correlation {units.Correlation:F1}"

// Held-out digits turned by up to half a radian, for a network that saw turned ones and for one that did not.
let turned =
    let one (key, x) = Augmentation.rotate (Random.uniform key [] - 0.5) x
    let keys = { Words = Key.split testX.Shape[0] (Key.ofSeed 5L) |> Array.map _.Words |> Tensor.stack 0 }
    Tensor.eval (vmap one (keys, testX))

let change key x = Augmentation.rotate (Random.uniform key [] - 0.5) x
let _, _, invariant = List.last (train (Some change) 30)
let before, after = share last turned testY, share invariant turned testY
printfn $"turned digits: more right with turned examples is {after > before + 0.02}"
//> hidden units: 22 % dead, correlation 0.3
//> turned digits: more right with turned examples is True
