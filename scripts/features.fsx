// Features of a network before it has learned anything: layers that vary, differ and are not stuck, and layers that vanish, saturate or are alike.
#load "lib/Prelude.fsx"
#load "lib/Plot.fsx"

open System
open Ad.Functional

let key = Key.ofSeed 1L
let x = Random.normal key [ 500; 30 ] |> Tensor.eval
let width, depth = 30, 8

/// The values of each layer of tanh units behind weights that are made in one way or another.
let layers (weights: int -> Tensor) =
    Seq.scan (fun h layer -> tanh (h *@ weights layer)) x (seq { 1..depth })
    |> Seq.tail
    |> List.ofSeq

let drawn layer = Random.normal (Key.foldIn layer key) [ width; width ] / sqrt (float width)

let kinds =
    [ "good", fun layer -> 1.1 * drawn layer
      "too small", fun layer -> 0.4 * drawn layer
      "too large", fun layer -> 5.0 * drawn layer
      // All units nearly the same: one column, and a little of each one's own.
      "alike", fun layer -> Tensor.sliceAxis 1 0 1 1 (drawn layer) + 0.05 * drawn layer ]

let statistics = [ for name, weights in kinds -> name, layers weights |> List.map (Monitor.units 0.97) ]

let line pick : Plot.Line list =
    [ for name, all in statistics ->
          { Name = name
            Points = [ for i, s in List.indexed all -> float (i + 1), pick s ] } ]

Plot.draw
    "variance.svg"
    "How much features vary, layer by layer"
    "layer"
    "log10 of the variance"
    (line (fun s -> log10 (max 1e-9 s.Variance)))

Plot.draw
    "alike.svg"
    "How much features are alike, layer by layer"
    "layer"
    "mean correlation"
    (line _.Correlation)

Plot.draw
    "stuck.svg"
    "How many values are stuck, layer by layer"
    "layer"
    "share beyond 0.97"
    (line _.Saturated)

for name, all in statistics do
    let last = List.last all

    let complaints =
        match Monitor.complaints last with
        | [] -> "nothing to say"
        | words -> String.Join("; ", words)

    printfn
        $"{name, -9} variance {last.Variance:E1}, correlation {last.Correlation:F2}, stuck {last.Saturated:F2}: {complaints}"

//> good      variance 1.1E-001, correlation 0.36, stuck 0.00: nothing to say
//> too small variance 2.8E-007, correlation 0.39, stuck 0.00: the values hardly vary: their variance is 2.8E-07
//> too large variance 8.3E-001, correlation 0.17, stuck 0.65: 65 % of the values are saturated
//> alike     variance 2.0E-002, correlation 1.00, stuck 0.00: two units correlate by 1.00 on average

// The same in pictures: twenty examples of each last layer, a row an example, black for -1 and white for 1.
for name, weights in kinds do
    let last = List.last (layers weights)
    let shown = (last[0..19, *] + 1.0) / 2.0

    Plot.write
        $"""features-{name.Replace(' ', '-')}.svg"""
        (Plot.greys $"Features, {name}" (Tensor.toArray<float> shown |> Array.chunkBySize width))
