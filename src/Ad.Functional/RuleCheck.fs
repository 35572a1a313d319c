namespace Ad.Functional

open System
open System.Collections.Concurrent
open System.Diagnostics
open System.IO
open System.Reflection
open System.Threading
open Ad.Tensors

/// <summary>Whether derivatives by hand are held against differences where they are first used.</summary>
/// <remarks>
/// Off, unless within <c>RuleCheck.during</c>, or in a program whose switch <c>Ad.Functional.CheckRules</c> is true: by
/// <c>RuntimeHostConfigurationOption</c> in a project file, in runtimeconfig.json, by <c>AppContext.SetSwitch</c>, or by the environment
/// variable AD_CHECK_RULES=1. A rule is then tried once for each shape that it meets, at the numbers it meets and along one direction, where
/// numbers are known: not while jit or vmap trace. Rules that one function of the user's wraps count as one. It costs five evaluations of the
/// function and one of the rule.
/// </remarks>
[<RequireQualifiedAccess>]
module RuleCheck =
    /// The switch's name.
    [<Literal>]
    let Switch = "Ad.Functional.CheckRules"

    let private byEnvironment = Environment.GetEnvironmentVariable "AD_CHECK_RULES" = "1"

    let private everywhere = ConcurrentDictionary<struct (MemberInfo * string), bool>()
    let private here = AsyncLocal<ConcurrentDictionary<struct (MemberInfo * string), bool> | null>()

    // Read before the flow's own table, which costs more: nobody checks most of the time.
    let mutable private active = 0

    /// What was tried, where rules are checked.
    let private table () =
        let own = if Volatile.Read &active > 0 then here.Value else null

        if not (isNull own) then
            own
        else
            match AppContext.TryGetSwitch Switch with
            | true, true -> everywhere
            | true, false -> null
            | _ -> if byEnvironment then everywhere else null

    /// Whether rules are checked here.
    let isOn () : bool = not (isNull (table ()))

    /// Runs a function, in whose flow of control every rule is checked where it is first used.
    let during (f: unit -> 'a) : 'a =
        let before = here.Value
        here.Value <- ConcurrentDictionary()
        Interlocked.Increment &active |> ignore

        try
            f ()
        finally
            Interlocked.Decrement &active |> ignore
            here.Value <- before

    /// The place of the user's own code that stands nearest on the stack, where it is known.
    let private place () =
        let own = typeof<Tensor>.Assembly

        StackTrace(1, true).GetFrames()
        |> Array.tryPick (fun frame ->
            match frame.GetMethod(), frame.GetFileName() with
            | null, _
            | _, null -> None
            | m, file ->
                match m.DeclaringType with
                | null -> None
                | t when t.Assembly = own -> None
                | _ -> Some $" ({Path.GetFileName(file)}:{frame.GetFileLineNumber()})")
        |> Option.defaultValue ""

    /// The function in which a rule was written: F# puts it in the name of the rule's type, C# in that of its method.
    let private nameOf (rule: MemberInfo) =
        match rule with
        | :? Type as t ->
            match t.FullName with
            | null -> t.Name
            | name ->
                let before = name.Split '@' |> Array.head
                before.Replace('+', '.')
        | _ ->
            let name = rule.Name

            if name.StartsWith '<' && name.Contains '>' then
                name[1 .. name.IndexOf '>' - 1]
            else
                name

    /// Numbers between -1 and 1 that do not repeat, the same each time.
    let private direction (seed: float) (t: Tensor) =
        let place = Tensor.arange DType.Float64 (int t.Count)
        Tensor.cast t.DType (sin (seed + 2.0 + 1.7 * place)) |> Tensor.reshape t.Shape

    /// The sum of products of elements, in Float64.
    let internal dotted (a: Tensor) (b: Tensor) =
        if a.Count = 0L then
            0.0
        else
            let a, b = Tensor.cast DType.Float64 a, Tensor.cast DType.Float64 b
            Tensor.toScalar (Tensor.sum (a * b))

    /// <summary>
    /// Compares (g, J v) by the rule, whichever way it is given, with the slope of (g, f(x + h v)) by central differences of two widths, which also say how far they
    /// can be trusted: at a kink nearby they disagree with each other, and nothing is concluded.
    /// </summary>
    let internal ensure
        operation
        (rule: MemberInfo)
        (f: Tensor[] -> Tensor[])
        (x: Tensor[])
        (slope: Tensor[] -> Tensor[] -> Tensor[] -> float)
        : unit =
        let shapes = x |> Array.map (fun t -> t.Signature.ToString()) |> String.concat ", "

        match table () with
        | null -> ()
        | tried when not (tried.TryAdd(struct (rule, shapes), true)) -> ()
        | tried ->
            try
                let x = Array.map Tensor.stopGradient x |> Tensor.eval

                let v =
                    x
                    |> Array.mapi (fun i t ->
                        if t.DType.IsFloat() then
                            direction (float i) t
                        else
                            Tensor.zerosLike t)

                let g =
                    f x
                    |> Array.mapi (fun i t ->
                        if t.DType.IsFloat() then
                            direction (float i + 0.5) t
                        else
                            Tensor.zerosLike t)

                let isSingle = x |> Array.exists (fun t -> t.DType.IsFloat() && t.DType <> DType.Float64)

                let moved h =
                    let at h =
                        Array.map2
                            (fun (t: Tensor) (v: Tensor) -> if t.DType.IsFloat() then t + v * h else t)
                            x
                            v
                        |> f

                    let floats =
                        Array.zip (at h) (at -h)
                        |> Array.zip g
                        |> Array.filter (fun (g, _) -> g.DType.IsFloat())

                    floats
                    |> Array.sumBy (fun (g, (above, below)) -> dotted g (above - below))
                    |> fun sum -> sum / (2.0 * h)

                let width = if isSingle then 1e-2 else 1e-4
                let near, far = moved (width / 2.0), moved width
                let given = slope x v g
                let size = 1.0 + abs near
                // The error of differences falls fourfold with half the width, where there is no kink.
                let doubt = 10.0 * abs (near - far) + (if isSingle then 2e-3 else 1e-7) * size

                if
                    abs (given - near) > doubt && doubt < 0.1 * size
                    || (Double.IsNaN given && Double.IsFinite near)
                then
                    Shapes.refuse
                        operation
                        $"the derivative by hand in {nameOf rule}{place ()} is wrong at ({shapes}): along one direction it gives {given:G6}, differences give {near:G6}."
            with :? InvalidOperationException ->
                // The numbers are not known yet: jit or vmap trace. A later use may know them.
                tried.TryRemove(struct (rule, shapes)) |> ignore
