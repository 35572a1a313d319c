/// Special functions against many digits (data/special.py), at their ends, and by the identities that they have.
module Properties.SpecialLaws

open System
open System.Globalization
open System.IO
open Xunit
open Ad.Functional
open Ad.Checks

/// By name: the relative error that is allowed of values, that of derivatives, and the function of the order and its arguments.
let private functions: Map<string, float * float * (int -> Tensor list -> Tensor)> =
    let one f (_: int) (x: Tensor list) : Tensor = f x[0]
    let two f (_: int) (x: Tensor list) : Tensor = f x[0] x[1]
    let ordered f n (x: Tensor list) : Tensor = f n x[0]

    Map
        [ "erfc", (1e-15, 1e-13, one Tensor.erfc)
          "erfcx", (2e-15, 2e-15, one Tensor.erfcx)
          "erfinv", (1e-15, 1e-14, one Tensor.erfinv)
          "erfcinv", (1e-15, 1e-13, one Tensor.erfcinv)
          // The rounding of x / sqrt 2 counts x^2 times.
          "ndtr", (2e-13, 2e-13, one Tensor.ndtr)
          "ndtri", (1e-15, 1e-13, one Tensor.ndtri)
          "logNdtr", (1e-13, 1e-13, one Tensor.logNdtr)
          "sinc", (2e-15, 1e-13, one Tensor.sinc)
          "multigammaln 3", (1e-14, 1e-14, one (Tensor.multigammaln 3))
          "entr", (1e-15, 1e-14, one Tensor.entr)
          "relEntr", (2e-14, 2e-14, two Tensor.relEntr)
          "klDiv", (2e-14, 2e-14, two Tensor.klDiv)
          "besselI", (1e-14, 1e-14, ordered Tensor.besselI)
          "besselIe", (1e-14, 1e-14, ordered Tensor.besselIe)
          "besselJ", (1e-13, 1e-13, ordered Tensor.besselJ)
          "gammainc", (2e-13, 2e-13, two Tensor.gammainc)
          "gammaincc", (2e-13, 2e-13, two Tensor.gammaincc)
          "betainc", (2e-13, 1e-12, (fun _ x -> Tensor.betainc x[0] x[1] x[2]))
          "lbeta", (1e-14, 1e-14, two Tensor.lbeta)
          "zeta", (1e-14, 1e-14, two Tensor.zeta) ]

type private Row =
    { Line: int
      Name: string
      Order: int
      At: float[]
      Value: float
      Slopes: float[] }

let private rows =
    let number (text: string) =
        match text with
        | "nan" -> nan
        | "inf" -> infinity
        | "-inf" -> -infinity
        | _ -> Double.Parse(text, CultureInfo.InvariantCulture)

    let numbers (text: string) = text.Split ',' |> Array.map number

    File.ReadAllLines(Path.Combine(AppContext.BaseDirectory, "data", "special.tsv"))
    |> Array.mapi (fun i line ->
        match line.Split '\t' with
        | [| name; order; at; value; slopes |] ->
            { Line = i + 1
              Name = name
              Order = if order = "-" then 0 else int order
              At = numbers at
              Value = number value
              Slopes = numbers slopes }
        | _ -> failwith $"Line {i + 1} is not one of the table.")

let names = TheoryData<string>(rows |> Array.map _.Name |> Array.distinct)

[<Theory; MemberData(nameof names)>]
let ``a special function and its derivatives are what many digits say`` (name: string) =
    let ofValue, ofSlope, f = functions[name]
    let mutable worst = 0.0, ""

    for order, rows in rows |> Array.filter (fun r -> r.Name = name) |> Array.groupBy _.Order do
        let x = [ for i in 0 .. rows[0].At.Length - 1 -> Tensor.vector [ for r in rows -> r.At[i] ] ]
        let slopes = Reverse.gradient (fun x -> Tensor.sum (f order x)) x
        let values = Tensor.toArray<float>(f order x)
        let slopes = [ for s in slopes -> Tensor.toArray<float> s ]

        rows
        |> Array.iteri (fun k r ->
            let compare what (tolerance: float) (actual: float) (expected: float) =
                let size =
                    match name with
                    // The difference of neighbours that are nearly equal is right to rounding of these; so is that of digammas.
                    | "besselIe" -> max (abs expected) (abs r.Value)
                    | "lbeta" -> max (abs expected) 1.0
                    | "gammainc"
                    | "gammaincc" when r.At[0] < 0.01 && r.At[1] < 1.0 -> max (abs expected) 0.05
                    | "klDiv" -> max (abs expected) 1e-60
                    | _ -> max (abs expected) 1e-300

                let error =
                    if actual = expected then
                        0.0
                    else
                        abs (actual - expected) / size

                let error = if Double.IsNaN error then infinity else error / tolerance

                if error > fst worst then
                    worst <-
                        error,
                        $"line {r.Line}, order {order}: {what} at {r.At |> List.ofArray} is {actual}, not {expected}"

            compare name ofValue (values[k]) r.Value

            for i in 0 .. r.At.Length - 1 do
                if not (Double.IsNaN r.Slopes[i]) then
                    compare $"the derivative {i} of {name}" ofSlope (slopes[i][k]) (r.Slopes[i]))

    Assert.True(fst worst <= 1.0, $"{fst worst:g3} times what is allowed: {snd worst}")

[<Theory; MemberData(nameof names)>]
let ``in float32 a special function is that of float64, rounded`` (name: string) =
    let _, _, f = functions[name]

    for order, rows in rows |> Array.filter (fun r -> r.Name = name) |> Array.groupBy _.Order do
        let x =
            [ for i in 0 .. rows[0].At.Length - 1 ->
                  Tensor.cast Float32 (Tensor.vector [ for r in rows -> r.At[i] ]) ]

        let wide = [ for t in x -> Tensor.cast Float64 t ]
        let expected = Tensor.toArray<float>(f order wide)
        let actual = Tensor.toArray<float32>(f order x)
        let size = Tensor.toArray<float>(abs wide[0])

        for k in 0 .. actual.Length - 1 do
            let unit = max (float (abs (float32 expected[k]))) 1.2e-38 * 1.2e-7

            // Sums of several functions are taken in float32, and the rounding of x / sqrt 2 counts x^2 times.
            let allowed =
                match name with
                | "ndtr" -> 1.0 + size[k] * size[k]
                | "logNdtr" -> 2.0 + size[k] * size[k]
                | "multigammaln 3" -> 20.0
                | "klDiv"
                | "relEntr" -> 100.0
                | _ -> 2.0

            Assert.True(
                (float (float32 expected[k])).Equals(float actual[k])
                || abs (expected[k] - float actual[k]) <= allowed * unit,
                $"{name} at {rows[k].At |> List.ofArray} is {actual[k]}, not {expected[k]}"
            )

/// Values at the ends of where functions are: name, order, arguments, value.
let private ends: (string * int * float list * float) list =
    let inf = infinity

    [ "erfc", 0, [ -inf ], 2.0
      "erfc", 0, [ inf ], 0.0
      "erfc", 0, [ nan ], nan
      "erfc", 0, [ -0.0 ], 1.0
      "erfcx", 0, [ -inf ], inf
      "erfcx", 0, [ inf ], 0.0
      "erfcx", 0, [ nan ], nan
      "erfinv", 0, [ 1.0 ], inf
      "erfinv", 0, [ -1.0 ], -inf
      "erfinv", 0, [ 0.0 ], 0.0
      "erfinv", 0, [ 1.5 ], nan
      "erfinv", 0, [ nan ], nan
      "erfcinv", 0, [ 0.0 ], inf
      "erfcinv", 0, [ 1.0 ], 0.0
      "erfcinv", 0, [ 2.0 ], -inf
      "erfcinv", 0, [ -0.5 ], nan
      "erfcinv", 0, [ nan ], nan
      "ndtr", 0, [ -inf ], 0.0
      "ndtr", 0, [ inf ], 1.0
      "ndtri", 0, [ 0.0 ], -inf
      "ndtri", 0, [ 1.0 ], inf
      "ndtri", 0, [ 0.5 ], 0.0
      "logNdtr", 0, [ -inf ], -inf
      "logNdtr", 0, [ inf ], 0.0
      "logNdtr", 0, [ nan ], nan
      "sinc", 0, [ 0.0 ], 1.0
      "sinc", 0, [ -3.0 ], 0.0
      "sinc", 0, [ inf ], 0.0
      "sinc", 0, [ nan ], nan
      "entr", 0, [ 0.0 ], 0.0
      "entr", 0, [ -1.0 ], -inf
      "entr", 0, [ inf ], -inf
      "entr", 0, [ nan ], nan
      "relEntr", 0, [ 0.0; 2.0 ], 0.0
      "relEntr", 0, [ 0.0; 0.0 ], 0.0
      "relEntr", 0, [ 1.0; 0.0 ], inf
      "relEntr", 0, [ -1.0; 1.0 ], inf
      "relEntr", 0, [ nan; 1.0 ], nan
      "klDiv", 0, [ 0.0; 2.0 ], 2.0
      "klDiv", 0, [ 2.0; 2.0 ], 0.0
      "klDiv", 0, [ 1.0; 0.0 ], inf
      "klDiv", 0, [ 1.0; nan ], nan
      "besselI", 0, [ 0.0 ], 1.0
      "besselI", 2, [ 0.0 ], 0.0
      "besselI", 1, [ -inf ], -inf
      "besselI", 2, [ -inf ], inf
      "besselI", 0, [ 800.0 ], inf
      "besselI", 0, [ nan ], nan
      "besselIe", 0, [ 0.0 ], 1.0
      "besselIe", 0, [ inf ], 0.0
      "besselJ", 0, [ 0.0 ], 1.0
      "besselJ", 3, [ 0.0 ], 0.0
      "besselJ", 0, [ -inf ], 0.0
      "besselJ", 0, [ nan ], nan
      "besselJ", 1001, [ 1.0 ], nan
      "gammainc", 0, [ 0.0; 1.0 ], 1.0
      "gammainc", 0, [ 2.0; 0.0 ], 0.0
      "gammainc", 0, [ 2.0; inf ], 1.0
      "gammainc", 0, [ inf; 2.0 ], 0.0
      "gammainc", 0, [ 0.0; 0.0 ], nan
      "gammainc", 0, [ inf; inf ], nan
      "gammainc", 0, [ -1.0; 1.0 ], nan
      "gammainc", 0, [ 1.0; -1.0 ], nan
      "gammainc", 0, [ nan; 1.0 ], nan
      "gammaincc", 0, [ 0.0; 2.0 ], 0.0
      "gammaincc", 0, [ 2.0; 0.0 ], 1.0
      "gammaincc", 0, [ 0.01; 0.0 ], 1.0
      "gammaincc", 0, [ 2.0; inf ], 0.0
      "gammaincc", 0, [ 2.0; nan ], nan
      "betainc", 0, [ 2.0; 3.0; 0.0 ], 0.0
      "betainc", 0, [ 2.0; 3.0; 1.0 ], 1.0
      "betainc", 0, [ 0.0; 3.0; 0.5 ], 1.0
      "betainc", 0, [ 2.0; 0.0; 0.5 ], 0.0
      "betainc", 0, [ 0.0; 0.0; 0.5 ], nan
      "betainc", 0, [ 2.0; 3.0; -0.1 ], nan
      "betainc", 0, [ 2.0; 3.0; 1.1 ], nan
      "betainc", 0, [ nan; 3.0; 0.5 ], nan
      "lbeta", 0, [ 0.0; 2.0 ], inf
      "lbeta", 0, [ nan; 2.0 ], nan
      "zeta", 0, [ 1.0; 1.0 ], inf
      "zeta", 0, [ 2.0; 0.0 ], inf
      "zeta", 0, [ 2.0; inf ], 0.0
      "zeta", 0, [ 1e9; 1.0 ], 1.0
      "zeta", 0, [ 0.5; 1.0 ], nan
      "zeta", 0, [ 2.0; -1.0 ], nan
      "multigammaln 3", 0, [ 1.0 ], nan ]

[<Fact>]
let ``special functions have their values at the ends, in both types`` () =
    for name, order, at, expected in ends do
        let _, _, f = functions[name]

        for kind in [ Float64; Float32 ] do
            let actual = f order [ for x in at -> Tensor.cast kind (Tensor.scalar x) ]
            let actual = Tensor.toScalar (Tensor.cast Float64 actual)
            // Zero is zero, of either sign.
            Assert.True(
                actual.Equals expected || actual = expected,
                $"{name} of order {order} at {at} is {actual}, not {expected}"
            )

[<Fact>]
let ``special functions have derivatives of two orders in each argument`` () =
    let v (xs: float list) = Tensor.vector xs
    let x = v [ 0.4; 1.3; 2.9 ]

    for what, f in
        [ "erfc", Tensor.erfc
          "erfcx", Tensor.erfcx
          "ndtr", Tensor.ndtr
          "logNdtr", (fun x -> Tensor.logNdtr (1.0 - 3.0 * x))
          "sinc", Tensor.sinc
          "entr", Tensor.entr
          "besselI", Tensor.besselI 2
          "besselIe", Tensor.besselIe 1
          "besselJ", Tensor.besselJ 1
          "multigammaln", (fun x -> Tensor.multigammaln 2 (x + 0.5)) ] do
        let report = Gradients.check (fun x -> Tensor.sum (f x)) x
        Assert.True(report.IsPassed, $"{what}: {report}")

    for what, f in
        [ "gammainc", Tensor.gammainc
          "gammaincc", Tensor.gammaincc
          "lbeta", Tensor.lbeta
          "beta", Tensor.beta
          "relEntr", Tensor.relEntr
          "klDiv", Tensor.klDiv
          "zeta", (fun s q -> Tensor.zeta (s + 1.0) q) ] do
        let report = Gradients.check (fun (a, x) -> Tensor.sum (f a x)) (x, v [ 0.9; 1.1; 4.0 ])
        Assert.True(report.IsPassed, $"{what}: {report}")

    let report =
        Gradients.check
            (fun (a, b, x) -> Tensor.sum (Tensor.betainc a b x))
            (x, v [ 1.1; 0.6; 3.5 ], v [ 0.2; 0.6; 0.7 ])

    Assert.True(report.IsPassed, $"betainc: {report}")

[<Fact>]
let ``the derivative of P in x is the density, and of those in a and x either comes first`` () =
    let a, x = Tensor.scalar 3.7, Tensor.scalar 2.9
    let density (a: Tensor) (x: Tensor) = exp ((a - 1.0) * log x - x - Tensor.lgamma a)
    let byX a = Reverse.gradient (Tensor.gammainc a) x

    let close (expected: Tensor) (actual: Tensor) =
        Assert.Equal(Tensor.toScalar expected, Tensor.toScalar actual, 13)

    close (density a x) (byX a)
    close (Reverse.gradient (fun a -> density a x) a) (Forward.gradient byX a)

    close
        (Forward.gradient byX a)
        (Forward.gradient (fun x -> Reverse.gradient (fun a -> Tensor.gammainc a x) a) x)

[<Fact>]
let ``float types that differ are refused`` () =
    let e =
        Assert.Throws<ArgumentException>(fun () ->
            Tensor.gammainc (Tensor.scalar 1.0) (Tensor.scalar 1.0f) |> ignore)

    Assert.Equal("gammainc: takes floats of one type, but was given float64[] and float32[].", e.Message)
