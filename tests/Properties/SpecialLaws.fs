/// Special functions against many digits (data/special.py), at their ends, and by the identities that they have.
module Properties.SpecialLaws

open System
open System.Globalization
open System.IO
open Xunit
open Ad.Functional

/// By name: the relative error that is allowed, what sizes below count as, and the function of the order and its arguments.
let private functions: Map<string, float * float * (int -> Tensor list -> Tensor)> =
    let one f (_: int) (x: Tensor list) : Tensor = f x[0]
    let two f (_: int) (x: Tensor list) : Tensor = f x[0] x[1]
    let ordered f n (x: Tensor list) : Tensor = f n x[0]

    Map
        [ "erfc", (1e-15, 0.0, one Tensor.erfc)
          "erfcx", (1e-15, 0.0, one Tensor.erfcx)
          "erfinv", (1e-15, 0.0, one Tensor.erfinv)
          "erfcinv", (1e-15, 0.0, one Tensor.erfcinv)
          "ndtr", (1e-15, 0.0, one Tensor.ndtr)
          "ndtri", (1e-15, 0.0, one Tensor.ndtri)
          "logNdtr", (1e-15, 0.0, one Tensor.logNdtr)
          "sinc", (1e-15, 0.0, one Tensor.sinc)
          "multigammaln 3", (1e-15, 0.0, one (Tensor.multigammaln 3))
          "entr", (1e-15, 0.0, one Tensor.entr)
          "relEntr", (1e-15, 0.0, two Tensor.relEntr)
          "klDiv", (1e-15, 0.0, two Tensor.klDiv)
          "besselI", (1e-15, 0.0, ordered Tensor.besselI)
          "besselIe", (1e-15, 0.0, ordered Tensor.besselIe)
          "besselJ", (1e-15, 0.0, ordered Tensor.besselJ)
          "gammainc", (1e-15, 0.0, two Tensor.gammainc)
          "gammaincc", (1e-15, 0.0, two Tensor.gammaincc)
          "betainc", (1e-15, 0.0, (fun _ x -> Tensor.betainc x[0] x[1] x[2]))
          "lbeta", (1e-15, 0.0, two Tensor.lbeta)
          "zeta", (1e-15, 0.0, two Tensor.zeta) ]

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
    let tolerance, least, f = functions[name]
    let mutable worst = 0.0, ""

    for order, rows in rows |> Array.filter (fun r -> r.Name = name) |> Array.groupBy _.Order do
        let x = [ for i in 0 .. rows[0].At.Length - 1 -> Tensor.vector [ for r in rows -> r.At[i] ] ]
        let value, slopes = Reverse.valueAndGradient (fun x -> Tensor.sum (f order x)) x
        let values = Tensor.toArray<float> (f order x)
        let slopes = [ for s in slopes -> Tensor.toArray<float> s ]
        ignore value

        rows
        |> Array.iteri (fun k r ->
            let compare what (tolerance: float) (actual: float) (expected: float) =
                let size = max (abs expected) 1e-300
                let error = if actual = expected then 0.0 else abs (actual - expected) / size
                let error = if Double.IsNaN error then infinity else error / tolerance

                if error > fst worst then
                    worst <- error, $"line {r.Line}, order {order}: {what} at {r.At |> List.ofArray} is {actual}, not {expected}"

                if error > 200.0 then
                    eprintfn $"{error * tolerance} line {r.Line}, order {order}: {what} at {r.At |> List.ofArray} is {actual}, not {expected}"

            compare name tolerance (values[k]) r.Value

            for i in 0 .. r.At.Length - 1 do
                if not (Double.IsNaN r.Slopes[i]) then
                    compare $"the derivative {i} of {name}" tolerance (slopes[i][k]) (r.Slopes[i]))

    Assert.True(fst worst <= 1.0, $"{fst worst * tolerance:g3}: {snd worst}")
