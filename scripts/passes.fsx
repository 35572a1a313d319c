// Forward against reverse: the gradient of f: R^n -> R takes n forward passes or one reverse pass.
#load "lib/Prelude.fsx"

open System
open Ad.Functional

let f x = Tensor.sum (sin x * exp (-x * x))
let point n = Tensor.linspace Float64 -1.0 1.0 n

let measure n =
    let x = point n
    let byForward, forward = Cost.measure (fun () -> Forward.gradient f x)
    let byReverse, reverse = Cost.measure (fun () -> Reverse.gradient f x)

    // The same derivatives, give or take how the last bits are rounded.
    if Tensor.toScalar (Tensor.max (abs (byForward - byReverse))) > 1e-15 then
        failwith $"The two gradients differ at n = {n}."

    forward, reverse

let measured =
    [ for exponent in 0..9 do
          let n = pown 2 exponent
          n, measure n ]

printfn "   n | passes          | edges visited"
printfn "     | forward reverse | forward reverse"

for n, (forward, reverse) in measured do
    printfn
        $"{n, 4} | {forward.ForwardPasses, 7} {reverse.ReversePasses, 7} | {forward.EdgesVisited, 7} {reverse.EdgesVisited, 7}"
//>    n | passes          | edges visited
//>      | forward reverse | forward reverse
//>    1 |       1       1 |       8       8
//>    2 |       2       1 |      16       8
//>    4 |       4       1 |      32       8
//>    8 |       8       1 |      64       8
//>   16 |      16       1 |     128       8
//>   32 |      32       1 |     256       8
//>   64 |      64       1 |     512       8
//>  128 |     128       1 |    1024       8
//>  256 |     256       1 |    2048       8
//>  512 |     512       1 |    4096       8

// The passes as bars, one mark for each doubling.
let doublings count = int (Math.Log2(float count)) + 1

for n, (forward, reverse) in measured do
    printfn $"{n, 4} F {String('=', doublings forward.Passes)}"
    printfn $"     R {String('-', doublings reverse.Passes)}"
//>    1 F =
//>      R -
//>    2 F ==
//>      R -
//>    4 F ===
//>      R -
//>    8 F ====
//>      R -
//>   16 F =====
//>      R -
//>   32 F ======
//>      R -
//>   64 F =======
//>      R -
//>  128 F ========
//>      R -
//>  256 F =========
//>      R -
//>  512 F ==========
//>      R -

// The same to look at, for a browser.
let line colour passesOf =
    let coordinates =
        [ for n, costs in measured do
              let x = 40.0 + 60.0 * Math.Log2(float n)
              let y = 620.0 - 60.0 * Math.Log2(float (passesOf costs))
              FormattableString.Invariant $"{x:F0},{y:F0}" ]

    let corners = String.Join(' ', coordinates)
    $"<polyline fill='none' stroke='{colour}' stroke-width='3' points='{corners}'/>"

let svg =
    String.Join(
        "\n",
        [ "<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 660 660'>"
          line "firebrick" (fun (forward: Cost, _) -> forward.Passes)
          line "steelblue" (fun (_, reverse: Cost) -> reverse.Passes)
          "<text x='40' y='650'>n inputs, doubling; passes: forward red, reverse blue</text>"
          "</svg>" ]
    )

let folder = IO.Directory.CreateTempSubdirectory "functional-"
let file = IO.Path.Combine(folder.FullName, "passes.svg")
IO.File.WriteAllText(file, svg)
printfn $"{IO.Path.GetFileName file}: {(Xml.Linq.XDocument.Load file).Descendants() |> Seq.length} elements"
//> passes.svg: 4 elements
folder.Delete true
