namespace Ad.Checks

open System
open System.Globalization
open Ad.Functional
open Ad.Tensors

/// Prints programs.
[<RequireQualifiedAccess>]
module ProgramText =
    let private quote (x: float) =
        let text = x.ToString("R", CultureInfo.InvariantCulture)

        if text.Contains '.' || text.Contains 'E' then
            text
        else
            text + ".0"

    let private ints (shape: int seq) = shape |> Seq.map string |> String.concat "; " |> sprintf "[ %s ]"

    let internal written (t: Tensor) =
        let elements =
            match t.DType with
            | Float64 -> t.ToArray<float>() |> Seq.map quote
            | Int32 -> t.ToArray<int>() |> Seq.map string
            | _ -> t.ToArray<bool>() |> Seq.map (fun b -> if b then "true" else "false")

        let elements = String.Join("; ", elements)

        if t.Count = 0L then
            $"Tensor.zeros {t.DType} {ints t.Shape}"
        else
            $"Tensor.ofArray {ints t.Shape} [| {elements} |]"

    let private domainText domain =
        match domain with
        | Between(low, high) -> $"Between({quote low}, {quote high})"
        | Outside(gap, high) -> $"Outside({quote gap}, {quote high})"
        | NearWhole offset -> $"NearWhole {quote offset}"
        | Apart parity -> $"Apart {parity}"
        | Index limit -> $"Index {limit}"
        | Choice -> "Choice"

    /// <summary>The program as an F# script that runs on its own and checks itself; the assemblies are looked for beside it.</summary>
    let toScript (program: RandomProgram) : string =
        let trial = Programs.trial program

        let own =
            Programs.owned program
            |> List.mapi (fun i (place, _) -> place, program.Inputs.Length + i)
            |> dict

        let inner = Programs.read program

        let lines =
            [ for k, node in List.indexed program.Nodes do
                  let case = Programs.case node

                  let argument a source (input: Input) =
                      let fitted name = $"Programs.fit {ints input.Shape} ({domainText input.Domain}) {name}"

                      match source with
                      | Own -> $"x[{own[(k, a)]}]"
                      | Fixed seed -> written (Catalogue.draw (System.Random seed) input)
                      | FromInput i when program.Inputs[i] = input -> $"x[{i}]"
                      | FromInput i -> fitted $"x[{i}]"
                      | FromNode i -> fitted $"v{i}"

                  let arguments =
                      List.mapi2 (fun a source input -> argument a source input) node.Arguments case.Inputs
                      |> String.concat "; "

                  let s = node.Sizes

                  let apply =
                      $"(Catalogue.apply \"{node.Operation}\" {node.Form} {{ A = {s.A}; B = {s.B}; C = {s.C} }})"

                  $"    // {case.Text}"

                  $"    let v{k} = Nestings.apply {node.Nesting} {apply} [| {arguments} |]" ]

        let results =
            [ for k in 0 .. program.Nodes.Length - 1 do
                  if not (inner.Contains k) then
                      $"Tensor.flatten v{k}" ]
            |> String.concat "; "

        let references =
            [ "Ad.Tensors"; "Ad.Functional"; "Ad.Checks" ]
            |> List.map (fun name -> $"#r \"{name}.dll\"")

        let points = trial.Point |> Array.map (fun t -> $"       {written t}") |> List.ofArray

        [ references
          [ "open Ad.Checks"
            "open Ad.Functional"
            "open Ad.Tensors"
            ""
            "let point ="
            "    [|" ]
          points
          [ "    |]"; ""; "let f (x: Tensor[]) =" ]
          lines
          [ $"    Tensor.concat 0 [ {results} ]"; ""; "Gradients.assertCorrect f point" ] ]
        |> List.concat
        |> String.concat "\n"
