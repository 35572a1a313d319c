namespace Ad.Checks

open System
open System.Reflection
open System.Runtime.InteropServices
open Ad.Functional

/// <summary>What a tensor parameter of a property is drawn from: its shape, of the sizes A, B and C and of numbers, and where its elements lie.</summary>
/// <remarks>Sizes are at least 1 and the same for all parameters, and they shrink: "A, B" and "B, 3" fit each other in every case.</remarks>
[<Sealed; AttributeUsage(AttributeTargets.Parameter)>]
type DrawnAttribute(shape: string, low: float, high: float) =
    inherit Attribute()

    /// A shape, with elements between -2 and 2.
    new(shape) = DrawnAttribute(shape, -2.0, 2.0)

    /// The shape, commas between its sizes; empty for a scalar.
    member _.Shape = shape

    /// The least element.
    member _.Low = low

    /// The largest element.
    member _.High = high

    /// When above 0: elements lie on both sides of 0, no nearer to it than this and no farther than High.
    member val Gap = 0.0 with get, set

/// Functions that are checked as they stand in a test class: static or not, of tensors, with a tensor as result.
[<RequireQualifiedAccess>]
module GradientProperties =
    let private nameOf (m: MethodInfo) =
        match m.DeclaringType with
        | null -> m.Name
        | owner -> $"{owner.FullName}.{m.Name}"

    let private refuse m why =
        raise (
            ArgumentException
                $"{nameOf m} {why}; a gradient property is a function of tensors whose result is a tensor."
        )

    let private drawn (p: ParameterInfo) : DrawnAttribute =
        match p.GetCustomAttribute<DrawnAttribute>() with
        | null -> DrawnAttribute "A, B"
        | attribute -> attribute

    let private size m (sizes: Sizes) (text: string) =
        match text with
        | "A" -> max 1 sizes.A
        | "B" -> max 1 sizes.B
        | "C" -> max 1 sizes.C
        | _ ->
            match System.Int32.TryParse text with
            | true, n when n >= 0 -> n
            | _ -> refuse m $"has a parameter with the size '{text}', which is neither A, B, C nor a number"

    let private input m sizes (p: ParameterInfo) : Input =
        let d = drawn p

        { Shape =
            d.Shape.Split(',', StringSplitOptions.RemoveEmptyEntries ||| StringSplitOptions.TrimEntries)
            |> Seq.map (size m sizes)
            |> List.ofSeq
          Domain =
            if d.Gap > 0.0 then
                Outside(d.Gap, d.High)
            else
                Between(d.Low, d.High) }

    /// <summary>What a function is tried on, by its parameters.</summary>
    /// <exception cref="T:System.ArgumentException">A parameter or the result is no tensor, or a shape cannot be read.</exception>
    let entry (m: MethodInfo) (owner: obj | null) : Entry =
        let parameters = m.GetParameters()

        if
            parameters.Length = 0
            || parameters |> Array.exists (fun p -> p.ParameterType <> typeof<Tensor>)
        then
            refuse m "has a parameter that is no tensor, or none"
        elif m.ReturnType <> typeof<Tensor> then
            refuse m $"gives {m.ReturnType.Name}"
        else
            let case sizes =
                { Text = nameOf m
                  Inputs = parameters |> Array.map (input m sizes) |> List.ofArray
                  Apply =
                    fun x ->
                        let arguments = x |> Array.map (fun t -> t :> obj | null)
                        let result = m.Invoke(owner, BindingFlags.DoNotWrapExceptions, null, arguments, null)
                        nonNull (result :?> (Tensor | null)) }

            // Now rather than in the first case.
            case { A = 1; B = 1; C = 1 } |> ignore

            { Name = nameOf m
              IsLinear = false
              Forms = [ case ] }

    /// <summary>A function of an assembly, by the names of its type and of itself: what printed scripts begin with.</summary>
    /// <exception cref="T:System.ArgumentException">There is no such function.</exception>
    let find (assembly: string) (typeName: string) (name: string) : Tensor[] -> Tensor =
        let everything =
            BindingFlags.Static
            ||| BindingFlags.Instance
            ||| BindingFlags.Public
            ||| BindingFlags.NonPublic

        let missing () = raise (ArgumentException $"{assembly} has no function {typeName}.{name}.")

        match (Assembly.LoadFrom assembly).GetType typeName with
        | null -> missing ()
        | owner ->
            match owner.GetMethod(name, everything) with
            | null -> missing ()
            | m ->
                let instance = if m.IsStatic then null else Activator.CreateInstance owner
                ((entry m instance).Forms.Head { A = 1; B = 1; C = 1 }).Apply

    let private quoted (text: string | null) =
        "\"" + (string text).Replace("\\", "\\\\").Replace("\"", "\\\"") + "\""

    let private script (m: MethodInfo) (law: Law) (draw: Draw) (trial: Trial) =
        let assembly = m.Module.FullyQualifiedName

        let owner =
            match m.DeclaringType with
            | null -> ""
            | t -> string t.FullName

        [ $"#I {quoted (IO.Path.GetDirectoryName assembly)}"
          "#r \"Ad.Tensors.dll\""
          "#r \"Ad.Functional.dll\""
          "#r \"Ad.Checks.dll\""
          "open Ad.Checks"
          "open Ad.Functional"
          "open Ad.Tensors"
          ""
          "let point ="
          "    [|"
          for t in trial.Point do
              $"       {ProgramText.written t}"
          "    |]"
          ""
          $"let f = GradientProperties.find {quoted assembly} {quoted owner} {quoted m.Name}"
          $"Trial.at false point {draw.Seed} f |> Laws.assertHolds {quoted law.Name}" ]
        |> String.concat "\n"

    let private report
        (m: MethodInfo)
        (law: Law)
        (result: LawResult)
        (draw: Draw, trial: Trial, found: string)
        =
        let arguments =
            Array.map2
                (fun (p: ParameterInfo) (t: Tensor) -> $"    {p.Name} = {t}")
                (m.GetParameters())
                trial.Point

        [ yield $"{result.Operation} breaks the law '{law.Name}', at case {result.Cases}:"
          yield $"    {found}"
          yield "The smallest case:"
          yield! arguments
          yield "To see it again:"
          yield
              $"    set AD_REPLAY=\"{result.Replay}\" and run this test, or run the script below with dotnet fsi."
          yield
              $"Functional {typeof<Tensor>.Assembly.GetName().Version}, {RuntimeInformation.FrameworkDescription}, {RuntimeInformation.RuntimeIdentifier}"
          yield "---- repeat.fsx"
          yield script m law draw trial
          yield "---- end" ]
        |> String.concat "\n"

    let private variable (name: string) =
        match Environment.GetEnvironmentVariable name with
        | null
        | "" -> None
        | text -> Some text

    /// <summary>
    /// Tries every law on a function, so many random cases each. None when they hold; else what is wrong, with the smallest case and a script that
    /// shows it.
    /// </summary>
    /// <remarks>The environment variables AD_REPLAY, "(rnd,gamma,size)" as a failure prints it, and AD_CASES win over the arguments.</remarks>
    /// <exception cref="T:System.ArgumentException">The function is no gradient property, or a variable cannot be read.</exception>
    let check (cases: int) (m: MethodInfo) (owner: obj | null) : string option =
        let entry = entry m owner

        let cases =
            match variable "AD_CASES" |> Option.map System.Int32.TryParse with
            | None -> cases
            | Some(true, n) when n > 0 -> n
            | Some _ -> raise (ArgumentException "AD_CASES must be a number above 0.")

        let replay = variable "AD_REPLAY" |> Option.toObj

        Laws.all
        |> List.tryPick (fun law ->
            match GradientCheck.Attempt(entry, law, cases, replay) with
            | result, Some failure -> Some(report m law result failure)
            | result, None when not result.Passed -> Some result.Message
            | _ -> None)
