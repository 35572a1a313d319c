/// Rows of a published table: an operation, its arguments by name, and what its results and derivatives come to (data/published.py).
module Properties.PublishedRows

open System
open System.Globalization
open Ad.Tensors
open Ad.Functional

let private number (text: string) =
    match text with
    | "inf" -> infinity
    | "-inf" -> -infinity
    | "nan" -> nan
    | "true" -> 1.0
    | "false" -> 0.0
    | _ -> Double.Parse(text, CultureInfo.InvariantCulture)

let private cut (separator: char) (text: string) = if text = "" then [||] else text.Split separator

/// A tensor as f8[2,3]:1,2,3,4,5,6: its type, shape and elements.
let private tensor (text: string) =
    let at = text.IndexOf ':'
    let shape = text[3 .. at - 2] |> cut ',' |> Array.map int
    let data = cut ',' text[at + 1 ..] |> Array.map number

    match text[..1] with
    | "f8" -> Tensor.ofArray shape data
    | "i4" -> Tensor.ofArray shape (Array.map int data)
    | "b1" -> Tensor.ofArray shape (Array.map (fun e -> e <> 0.0) data)
    | other -> failwith $"There is no element type {other}."

/// The arguments of an operation, those that are tensors also by their place in a list of them.
type Arguments =
    { Texts: Map<string, string>
      Tensors: Map<string * int, Tensor> }

    /// The tensors of an argument that is a list of them.
    member a.All name =
        [ for KeyValue((n, _), t) in a.Tensors do
              if n = name then
                  t ]

    /// A tensor, or a number as a tensor.
    member a.Tensor name : Tensor =
        match Map.tryFind (name, 0) a.Tensors with
        | Some t -> t
        | None -> Tensor.scalar (number a.Texts[name])

    /// A tensor, if it is given.
    member a.Optional name = Map.tryFind (name, 0) a.Tensors

    /// A number, or what stands for it where none is given.
    member a.Float(name, otherwise) =
        Map.tryFind name a.Texts |> Option.map number |> Option.defaultValue otherwise

    /// Whole numbers, none where none are given.
    member a.Ints name : int list =
        match Map.tryFind name a.Texts with
        | None -> []
        | Some text -> [ for n in cut ',' (text.Trim('(', ')')) -> int n ]

    /// A whole number, or what stands for it where none is given.
    member a.Int(name, otherwise) =
        match a.Ints name with
        | [ one ] -> one
        | _ -> otherwise

    /// Whether something is asked for.
    member a.Is name = a.Float(name, 0.0) <> 0.0

    /// A word, or what stands for it where none is given.
    member a.Word(name, otherwise) = Map.tryFind name a.Texts |> Option.defaultValue otherwise

/// A row of the table. The numbers are of the sum of all results, each element times a weight: its value, its derivative along
/// one direction, and the derivative of that along a second one; NaN where there is none to compare.
type Row =
    { Line: int
      Operation: string
      Arguments: Arguments
      Differentiated: (string * int) list
      Shapes: int list list
      Value: float
      First: float
      Second: float }

let private arguments (text: string) =
    let texts =
        text.Split(' ', StringSplitOptions.RemoveEmptyEntries)
        |> Array.map (fun pair ->
            let at = pair.IndexOf '='
            pair[.. at - 1], pair[at + 1 ..])

    { Texts = Map texts
      Tensors =
        Map
            [ for name, value in texts do
                  if value.Contains "]:" then
                      for place, part in Seq.indexed (value.Split '|') do
                          (name, place), tensor part ] }

/// A line of the table.
let parse (line: int) (text: string) : Row =
    match text.Split '\t' with
    | [| operation; given; differentiated; shapes; value; first; second |] ->
        { Line = line
          Operation = operation
          Arguments = arguments given
          Differentiated =
            [ for name in cut ',' differentiated ->
                  let at = name.IndexOf '.'
                  name[.. at - 1], int name[at + 1 ..] ]
          Shapes = [ for shape in cut '|' shapes -> [ for n in cut ',' (shape.Trim('[', ']')) -> int n ] ]
          Value = number value
          First = number first
          Second = number second }
    | fields -> failwith $"Line {line} has {fields.Length} fields."
