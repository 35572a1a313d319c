// Every optimizer that has a name: its way down a long valley and off a saddle, drawn over level lines and written as numbers.
#load "lib/Prelude.fsx"
#load "lib/Plot.fsx"

open System
open System.Globalization
open Ad.Functional

/// The points of an optimizer's way.
let way name rate (f: Tensor -> Tensor) (start: float list) steps =
    let o: Optimizer<Tensor, obj> =
        Recipes.optimizer
            name
            { Rate = Schedules.constant rate
              WeightDecay = 0.0
              FirstDecay = Nullable()
              SecondDecay = Nullable()
              Epsilon = Nullable() }

    let step = jit (fun (p, s: obj) -> Optimizer.step o (grad f p) s p)
    let start = Tensor.vector start

    (start, o.Init start)
    |> Seq.unfold (fun (p, s) -> Some(p, step (p, s)))
    |> Seq.truncate (steps + 1)
    |> Seq.map (fun p -> let a = Tensor.toArray<float> p in a[0], a[1])
    |> List.ofSeq

let rates = [ 1.0; 0.3; 0.1; 0.03; 0.01; 0.003 ]

/// The way of the rate whose last point is lowest.
let best name f height start steps =
    rates
    |> List.map (fun rate -> rate, way name rate f start steps)
    |> List.minBy (fun (_, points) ->
        let h: float = height (List.last points)
        if Double.IsFinite h then h else infinity)

let names = List.sort Recipes.optimizerNames
let text (v: float) = v.ToString("G5", CultureInfo.InvariantCulture)

let table (ways: (string * (float * (float * float) list)) list) =
    [ yield "optimizer,rate,step,x,y"
      for name, (rate, points) in ways do
          for i, (x, y) in List.indexed points do
              yield String.Join(",", [ name; text rate; string i; text x; text y ]) ]
    |> String.concat "\n"
    |> fun lines -> lines + "\n"

let panels (ways: (string * (float * (float * float) list)) list) : Plot.Panel list =
    [ for name, (rate, points) in ways ->
          { Title = $"{name}, {rate}"
            Path = points } ]

// A valley a hundred times as steep across as along, sixty steps, each optimizer at the best of six rates.
let valley (p: Tensor) = 0.5 * (Tensor.square p[0] + 100.0 * Tensor.square p[1])
let depth (x, y) = 0.5 * (x * x + 100.0 * y * y)

let ellipse height =
    [ for i in 0..60 ->
          let a = 2.0 * Math.PI * float i / 60.0
          sqrt (2.0 * height) * cos a, sqrt (2.0 * height / 100.0) * sin a ]

let down = [ for name in names -> name, best name valley depth [ -2.0; 0.25 ] 60 ]
let levels = [ for h in [ 0.05; 0.3; 1.0; 2.0; 4.0 ] -> ellipse h ]

Plot.write
    "everyValley.svg"
    (Plot.panels
        "A long valley, 60 steps, the best of six rates"
        6
        (-2.2, 1.0)
        (-0.4, 0.4)
        levels
        (panels down))

Plot.write "everyValley.csv" (table down)
let lower = down |> List.filter (fun (_, (_, points)) -> depth (List.last points) < 0.01)
printfn $"{names.Length} optimizers, of which {lower.Length} are at less than a hundredth"
//> 38 optimizers, of which 21 are at less than a hundredth

// Descent alone goes straight across the level lines: the angle between each of its steps and the gradient.
let angles =
    way "sgd" 0.003 valley [ -2.0; 0.25 ] 60
    |> List.pairwise
    |> List.map (fun ((x, y), (u, v)) -> abs (atan2 (-(v - y)) (-(u - x)) - atan2 (100.0 * y) x))

printfn $"descent leaves the gradient's direction by less than 1e-9: {List.max angles < 1e-9}"
//> descent leaves the gradient's direction by less than 1e-9: True

// A saddle, from a millionth beside its ridge: who is half way down within a hundred steps.
let saddle (p: Tensor) = Tensor.square p[0] - Tensor.square p[1]

let off =
    [ for name in names ->
          name,
          (0.03,
           way name 0.03 saddle [ 1.0; 1e-6 ] 100
           |> List.takeWhile (fun (x, y) -> abs y < 1.2 && abs x < 1.2)) ]

let hyperbola sign height =
    [ for i in -20 .. 20 ->
          let a = float i / 12.0

          if sign > 0.0 then
              sqrt height * cosh a, sqrt height * sinh a
          else
              sqrt height * sinh a, sqrt height * cosh a ]

let lines =
    [ for h in [ 0.1; 0.4; 0.9 ] do
          for sign in [ 1.0; -1.0 ] do
              hyperbola sign h
              hyperbola sign h |> List.map (fun (x, y) -> -x, -y) ]

Plot.write
    "everySaddle.svg"
    (Plot.panels
        "A saddle, from a millionth beside the ridge, rate 0.03"
        6
        (-1.2, 1.2)
        (-1.2, 1.2)
        lines
        (panels off))

Plot.write "everySaddle.csv" (table off)

let leaves =
    off
    |> List.choose (fun (name, (_, points)) ->
        points
        |> List.tryFindIndex (fun (_, y) -> abs y > 0.5)
        |> Option.map (fun step -> name, step))

let hasDescent = leaves |> List.exists (fun (name, _) -> name = "sgd")
printfn $"{leaves.Length} leave within a hundred steps, descent among them: {hasDescent}"
//> 27 leave within a hundred steps, descent among them: False
