namespace Ad.Checks

open System
open System.Collections.Generic
open System.Diagnostics
open System.Reflection
open System.Threading
open Ad.Functional

/// <summary>Marks a static property, field or method without parameters that gives a GradientExample, or a sequence of them, so that the host's gradcheck finds it in an assembly.</summary>
[<Sealed; AttributeUsage(AttributeTargets.Property ||| AttributeTargets.Field ||| AttributeTargets.Method)>]
type GradientCheckedAttribute() =
    inherit Attribute()

/// A function with a point to check its derivatives at.
[<Sealed>]
type GradientExample private (check: unit -> Report) =
    /// Checks the derivatives as Gradients.check does.
    member _.Check() : Report = check ()

    /// A function of a tree of tensors, whose first and second derivatives are checked at a point.
    static member Of(f: Func<'T, Tensor>, x: 'T) : GradientExample =
        GradientExample(fun () -> Gradients.check f.Invoke x)

    /// A function of a tree of tensors, whose derivatives are checked at a point as the settings say.
    static member Of(f: Func<'T, Tensor>, x: 'T, settings: CheckSettings) : GradientExample =
        GradientExample(fun () -> Gradients.checkWith settings f.Invoke x)

    /// A function of plain numbers with the gradient that is claimed for it.
    static member Of
        (f: Func<float[], float>, gradient: Func<float[], float[]>, at: float[])
        : GradientExample =
        GradientExample(fun () -> Gradients.plain f.Invoke gradient.Invoke at)

/// Finds the marked members of an assembly and checks what they give.
[<AbstractClass; Sealed>]
type MarkedExamples =
    static member private Name(m: MemberInfo) =
        match m.DeclaringType with
        | null -> m.Name
        | owner -> $"{owner.FullName}.{m.Name}"

    static member private Wrong(m: MemberInfo, why: string) =
        raise (
            ArgumentException
                $"{MarkedExamples.Name m} is marked [GradientChecked], but {why}; it takes a static property, field or method without parameters that gives a GradientExample or a sequence of them."
        )

    // What gives the value; a wrong member is refused before any code of the assembly runs.
    static member private Getter(m: MemberInfo) : unit -> obj | null =
        let gives (t: Type) isStatic get =
            if not isStatic then
                MarkedExamples.Wrong(m, "is not static")
            elif
                not (
                    typeof<GradientExample>.IsAssignableFrom t
                    || typeof<IEnumerable<GradientExample>>.IsAssignableFrom t
                )
            then
                MarkedExamples.Wrong(m, $"gives {t.Name}")
            else
                get

        match m with
        | :? PropertyInfo as p ->
            match p.GetGetMethod true with
            | null -> MarkedExamples.Wrong(m, "cannot be read")
            | getter -> gives p.PropertyType getter.IsStatic (fun () -> getter.Invoke(null, [||]))
        | :? FieldInfo as f -> gives f.FieldType f.IsStatic (fun () -> f.GetValue null)
        | :? MethodInfo as f when f.ContainsGenericParameters -> MarkedExamples.Wrong(m, "is generic")
        | :? MethodInfo as f when f.GetParameters().Length > 0 -> MarkedExamples.Wrong(m, "has parameters")
        | :? MethodInfo as f -> gives f.ReturnType f.IsStatic (fun () -> f.Invoke(null, [||]))
        | _ -> MarkedExamples.Wrong(m, "is neither")

    static member private Results(name: string, get: unit -> obj | null) : LawResult list =
        let clock = Stopwatch.StartNew()

        let result name cases passed message =
            let seconds = clock.Elapsed.TotalSeconds
            clock.Restart()

            { Operation = name
              Law = "derivatives"
              Cases = cases
              Passed = passed
              Message = message
              Replay = ""
              Seconds = seconds }

        let failed name (error: exn) =
            let error =
                match error, error.InnerException with
                | :? TargetInvocationException, (NonNull inner) -> inner
                | _ -> error

            result name 0 false $"{error.GetType().Name}: {error.Message}"

        let check name (example: GradientExample) =
            try
                let report = example.Check()
                let message = if report.IsPassed then "" else report.ToString()
                result name report.Findings.Length report.IsPassed message
            with error ->
                failed name error

        try
            match get () with
            | :? GradientExample as example -> [ check name example ]
            | :? IEnumerable<GradientExample> as examples ->
                match List.ofSeq examples with
                | [] -> [ result name 0 false "It gives no examples." ]
                | examples -> examples |> List.mapi (fun i e -> check $"{name}[{i}]" e)
            | _ -> [ result name 0 false "It gives null." ]
        with error ->
            [ failed name error ]

    /// <summary>Checks every marked member of the assembly, in the order of their names: a result for each example, reported as soon as it is known.</summary>
    /// <exception cref="T:System.ArgumentException">Nothing is marked, or a marked member cannot give examples; the message names it.</exception>
    /// <exception cref="T:System.OperationCanceledException">The run was cancelled, between members.</exception>
    static member Run
        (assembly: Assembly, progress: Action<LawResult>, cancellation: CancellationToken)
        : IReadOnlyList<LawResult> =
        let all =
            BindingFlags.Static
            ||| BindingFlags.Instance
            ||| BindingFlags.Public
            ||| BindingFlags.NonPublic
            ||| BindingFlags.DeclaredOnly

        let marked =
            assembly.GetTypes()
            |> Array.collect (fun t -> t.GetMembers all)
            |> Array.filter (fun m -> m.IsDefined(typeof<GradientCheckedAttribute>, false))
            // F# marks the field behind a let-bound value too; only its property is the user's.
            |> Array.filter (fun m -> not (m.Name.Contains '@'))
            |> Array.map (fun m -> MarkedExamples.Name m, MarkedExamples.Getter m)

        if marked.Length = 0 then
            raise (
                ArgumentException $"{assembly.GetName().Name} has no member that is marked [GradientChecked]."
            )

        let results = ResizeArray()

        for name, get in Array.sortWith (fun (a, _) (b, _) -> String.CompareOrdinal(a, b)) marked do
            cancellation.ThrowIfCancellationRequested()

            for result in MarkedExamples.Results(name, get) do
                results.Add result
                progress.Invoke result

        results
