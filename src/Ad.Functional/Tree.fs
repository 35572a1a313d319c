namespace Ad.Functional

open System
open System.Collections
open System.Collections.Concurrent
open System.Collections.Generic
open System.Reflection
open System.Runtime.CompilerServices
open Microsoft.FSharp.Reflection

/// One level of a tree: how values of a type come apart and are put together again.
type internal Branch =
    {
        /// The parts with their declared types, in a fixed order.
        Parts: objnull -> (Type * objnull)[]
        /// A name for each part; an empty one adds nothing to the path.
        Names: objnull -> string[]
        /// A value of the same kind with other parts.
        Build: objnull -> objnull[] -> objnull
    }

/// What values of a type are in a tree.
type internal Kind =
    | Leaf
    /// Carried along unchanged: numbers, text, functions.
    | Static
    | Branch of Branch
    /// Decided by the value's own type: interfaces and base types.
    | ByValue

[<RequireQualifiedAccess>]
module internal Kinds =
    let private flags = BindingFlags.Public ||| BindingFlags.NonPublic

    let private fields (properties: PropertyInfo[]) read build : Branch =
        let names = properties |> Array.map _.Name
        let types = properties |> Array.map _.PropertyType

        { Parts = fun value -> Array.zip types (read value)
          Names = fun _ -> names
          Build = fun _ parts -> build parts }

    let private tuple (t: Type) : Branch =
        let types = FSharpType.GetTupleElements t
        let read = FSharpValue.PreComputeTupleReader t
        let build = FSharpValue.PreComputeTupleConstructor t

        { Parts = fun value -> Array.zip types (read (Unchecked.nonNull value))
          Names = fun _ -> Array.init types.Length string
          Build = fun _ parts -> build parts }

    let private union (t: Type) : Branch =
        let tag = FSharpValue.PreComputeUnionTagReader(t, flags)
        let cases = FSharpType.GetUnionCases(t, flags)
        let read = cases |> Array.map (fun c -> FSharpValue.PreComputeUnionReader(c, flags))
        let build = cases |> Array.map (fun c -> FSharpValue.PreComputeUnionConstructor(c, flags))
        let fields = cases |> Array.map _.GetFields()
        let isOption = t.IsGenericType && t.GetGenericTypeDefinition() = typedefof<option<_>>

        { Parts =
            fun value ->
                let case = tag value
                Array.zip (fields[case] |> Array.map _.PropertyType) (read[case] value)
          Names =
            fun value ->
                let case = tag value

                if isOption then
                    Array.create fields[case].Length ""
                else
                    fields[case] |> Array.map (fun f -> $"{cases[case].Name}.{f.Name}")
          Build = fun value parts -> build[tag value] parts }

    let private sequence (element: Type) (build: objnull[] -> objnull) : Branch =
        let items (value: objnull) = [| for item in (Unchecked.nonNull value :?> IEnumerable) -> item |]

        { Parts = items >> Array.map (fun item -> element, item)
          Names = fun value -> Array.init (items value).Length string
          Build = fun _ parts -> build parts }

    let private arrayOf (element: Type) (items: objnull[]) =
        let array = Array.CreateInstance(element, items.Length)
        items |> Array.iteri (fun i item -> array.SetValue(item, i))
        array

    /// Maps and dictionaries: the values in the order of enumeration, named by their keys.
    let private keyed (t: Type) (build: (objnull * objnull)[] -> objnull) : Branch =
        let pair = typedefof<KeyValuePair<_, _>>.MakeGenericType(t.GetGenericArguments())

        let key, value =
            Unchecked.nonNull (pair.GetProperty "Key"), Unchecked.nonNull (pair.GetProperty "Value")

        let items (map: objnull) =
            [| for item in (Unchecked.nonNull map :?> IEnumerable) -> key.GetValue item, value.GetValue item |]

        { Parts = items >> Array.map (fun (_, v) -> value.PropertyType, v)
          Names = items >> Array.map (fun (k, _) -> string k)
          Build = fun map parts -> build (Array.map2 (fun (k, _) part -> k, part) (items map) parts) }

    let private map (t: Type) =
        let tuple = FSharpType.MakeTupleType(t.GetGenericArguments())

        keyed t (fun pairs ->
            let tuples =
                pairs
                |> Array.map (fun (k, v) -> FSharpValue.MakeTuple([| k; v |], tuple) |> box)

            Activator.CreateInstance(t, [| box (arrayOf tuple tuples) |]))

    let private dictionary (t: Type) =
        let own = typedefof<Dictionary<_, _>>.MakeGenericType(t.GetGenericArguments())

        keyed t (fun pairs ->
            let made = Unchecked.nonNull (Activator.CreateInstance own) :?> IDictionary

            for k, v in pairs do
                made.Add(Unchecked.nonNull k, v)

            made)

    /// A C# record, or any type whose public constructor takes its public properties by name.
    let private byConstructor (t: Type) : Branch option =
        let properties = t.GetProperties(BindingFlags.Public ||| BindingFlags.Instance)

        let property (parameter: ParameterInfo) =
            properties
            |> Array.tryFind (fun p ->
                p.PropertyType = parameter.ParameterType
                && String.Equals(p.Name, parameter.Name, StringComparison.OrdinalIgnoreCase))

        t.GetConstructors()
        |> Array.filter (fun c -> c.GetParameters().Length > 0)
        |> Array.sortByDescending _.GetParameters().Length
        |> Array.tryPick (fun constructor ->
            let found = constructor.GetParameters() |> Array.map property

            if Array.forall Option.isSome found then
                let chosen = Array.choose id found

                Some(
                    fields
                        chosen
                        (fun value -> chosen |> Array.map (fun p -> p.GetValue value))
                        (fun parts -> constructor.Invoke parts)
                )
            else
                None)

    let private isStatic (t: Type) =
        t.IsPrimitive
        || t.IsEnum
        || t = typeof<string>
        || t = typeof<decimal>
        || t = typeof<unit>
        || t = typeof<DateTime>
        || t = typeof<DateTimeOffset>
        || t = typeof<TimeSpan>
        || t = typeof<Guid>
        || typeof<Type>.IsAssignableFrom t
        || typeof<Delegate>.IsAssignableFrom t
        || FSharpType.IsFunction t

    let private classify (t: Type) : Kind =
        let isGeneric definition = t.IsGenericType && t.GetGenericTypeDefinition() = definition

        let argument () = t.GetGenericArguments()[0]

        if t = typeof<Tensor> then
            Leaf
        elif isStatic t then
            Static
        elif t.IsArray then
            if t.GetArrayRank() > 1 then
                raise (ArgumentException $"A tree cannot hold {t.Name}: use an array of arrays.")

            let element = Unchecked.nonNull (t.GetElementType())
            Branch(sequence element (fun items -> arrayOf element items))
        elif isGeneric typedefof<list<_>> then
            let element = argument ()
            let cons = FSharpType.GetUnionCases t

            let build (items: objnull[]) =
                let nil = FSharpValue.MakeUnion(cons[0], [||])

                Array.foldBack (fun item rest -> FSharpValue.MakeUnion(cons[1], [| item; rest |])) items nil
                |> box

            Branch(sequence element build)
        elif isGeneric typedefof<Map<_, _>> then
            Branch(map t)
        elif
            isGeneric typedefof<Dictionary<_, _>>
            || isGeneric typedefof<IDictionary<_, _>>
            || isGeneric typedefof<IReadOnlyDictionary<_, _>>
        then
            Branch(dictionary t)
        elif
            isGeneric typedefof<IReadOnlyList<_>>
            || isGeneric typedefof<IReadOnlyCollection<_>>
            || isGeneric typedefof<IEnumerable<_>>
            || isGeneric typedefof<IList<_>>
            || isGeneric typedefof<ICollection<_>>
        then
            // Whatever stands behind the interface, an array serves in its place.
            let element = argument ()
            Branch(sequence element (fun items -> arrayOf element items))
        elif isGeneric typedefof<List<_>> then
            let element = argument ()

            Branch(
                sequence element (fun items -> Activator.CreateInstance(t, [| box (arrayOf element items) |]))
            )
        elif FSharpType.IsTuple t then
            Branch(tuple t)
        elif FSharpType.IsRecord(t, flags) then
            let read = FSharpValue.PreComputeRecordReader(t, flags)
            let build = FSharpValue.PreComputeRecordConstructor(t, flags)

            Branch(
                fields
                    (FSharpType.GetRecordFields(t, flags))
                    (fun value -> read (Unchecked.nonNull value))
                    (fun parts -> build parts)
            )
        elif FSharpType.IsUnion(t, flags) then
            Branch(union t)
        elif t.IsInterface || t.IsAbstract || t = typeof<obj> then
            ByValue
        else
            match byConstructor t with
            | Some branch -> Branch branch
            | None ->
                raise (
                    ArgumentException
                        $"A tree cannot hold a {t.FullName}: it holds tensors, plain values, and arrays, lists, maps, tuples, options, records and unions of them."
                )

    let private known = ConcurrentDictionary<Type, Kind>()

    /// What values of a type are; found out once per type.
    let ofType (t: Type) = known.GetOrAdd(t, classify)

    /// What a value is, given the type it is declared with.
    let rec ofValue (declared: Type) (value: objnull) =
        match ofType declared with
        | ByValue ->
            match value with
            | null -> Static
            | v when v.GetType() = declared -> Static
            | v -> ofValue (v.GetType()) v
        | kind when isNull value && not (declared.IsValueType) ->
            // None is null, and so is a C# member that is not there: both have no leaves.
            match kind with
            | Branch _ when FSharpType.IsUnion(declared, flags) -> kind
            | _ -> Static
        | kind -> kind

/// <summary>
/// Trees: tensors in records, tuples, arrays, lists, maps, dictionaries, options and unions, nested in any way, in F# and in C#.
/// Plain values in them (numbers, text, functions) are carried along unchanged.
/// </summary>
[<RequireQualifiedAccess>]
module Tree =
    let rec private walk (declared: Type) (path: string) (value: objnull) (visit: string -> Tensor -> unit) =
        match Kinds.ofValue declared value with
        | Leaf -> visit path (Unchecked.nonNull value :?> Tensor)
        | Static
        | ByValue -> ()
        | Branch branch ->
            let parts = branch.Parts value
            let names = branch.Names value

            for i in 0 .. parts.Length - 1 do
                let t, part = parts[i]

                let inner =
                    match path, names[i] with
                    | "", name -> name
                    | path, "" -> path
                    | path, name -> path + "." + name

                walk t inner part visit

    let rec private put (declared: Type) (value: objnull) (next: unit -> Tensor) : objnull =
        match Kinds.ofValue declared value with
        | Leaf -> box (next ())
        | Static
        | ByValue -> value
        | Branch branch ->
            branch.Build value (branch.Parts value |> Array.map (fun (t, part) -> put t part next))

    /// The tensors of a tree, in order.
    let leaves (tree: 'a) : Tensor[] =
        match box tree with
        | :? Tensor as leaf -> [| leaf |]
        | _ ->
            let found = List()
            walk typeof<'a> "" (box tree) (fun _ leaf -> found.Add leaf)
            found.ToArray()

    /// Whether the tree is a tensor or a tuple of nothing but tensors, so that its type and its tensors' signatures say all about its structure;
    /// with its tensors if so.
    let internal flat (tree: 'a) : Tensor[] voption =
        match box tree with
        | :? Tensor as leaf -> ValueSome [| leaf |]
        | :? ITuple as tuple when typeof<'a> <> typeof<obj> ->
            let leaves = Array.zeroCreate tuple.Length
            let mutable isFlat = true

            for i in 0 .. leaves.Length - 1 do
                match tuple[i] with
                | :? Tensor as leaf -> leaves[i] <- leaf
                | _ -> isFlat <- false

            if isFlat then ValueSome leaves else ValueNone
        | _ -> ValueNone

    /// What makes two trees alike but for their tensors' elements: the paths and signatures of the tensors, and the plain values.
    let internal structure (tree: 'a) : obj list =
        let rec read (declared: Type) (value: objnull) : obj list =
            match Kinds.ofValue declared value with
            | Leaf ->
                let leaf = Unchecked.nonNull value :?> Tensor

                match leaf.Place with
                | null -> [ leaf.Signature ]
                | place -> [ leaf.Signature; place ]
            | Static
            | ByValue ->
                match value with
                | null -> [ "null" ]
                | v -> [ v ]
            | Branch branch ->
                [ String.Join('|', branch.Names value) :> obj
                  for t, part in branch.Parts value do
                      yield! read t part ]

        read typeof<'a> (box tree)

    /// The tensors of a tree with the paths to them, such as Layers.0.Weights; the path of a lone tensor is empty.
    let named (tree: 'a) : (string * Tensor)[] =
        let found = List()
        walk typeof<'a> "" (box tree) (fun path leaf -> found.Add((path, leaf)))
        found.ToArray()

    /// <summary>The tree with other tensors in place of its own, in order.</summary>
    /// <exception cref="T:System.ArgumentException">Their number is not the tree's.</exception>
    let withLeaves (leaves: Tensor[]) (tree: 'a) : 'a =
        let mutable used = 0

        let next () =
            if used >= leaves.Length then
                raise (ArgumentException $"The tree has more leaves than the {leaves.Length} given.")

            used <- used + 1
            leaves[used - 1]

        let result =
            if typeof<'a> = typeof<Tensor> then
                box (next ())
            else
                put typeof<'a> (box tree) next

        if used <> leaves.Length then
            raise (ArgumentException $"The tree has {used} leaves, but {leaves.Length} were given.")

        match result with
        | :? 'a as result -> result
        | _ -> Unchecked.defaultof<'a>

    /// The tree with a function applied to each tensor.
    let map (f: Tensor -> Tensor) (tree: 'a) : 'a = withLeaves (leaves tree |> Array.map f) tree

    /// <summary>Two trees of the same structure combined tensor by tensor; the plain values are the second's.</summary>
    /// <exception cref="T:System.ArgumentException">Their structures differ; the message names the first path that does.</exception>
    let map2 (f: Tensor -> Tensor -> Tensor) (a: 'a) (b: 'a) : 'a =
        let left, right = named a, named b

        if Array.map fst left <> Array.map fst right then
            let differing = Set.ofSeq (Seq.map fst left) - Set.ofSeq (Seq.map fst right)
            let more = Set.ofSeq (Seq.map fst right) - Set.ofSeq (Seq.map fst left)
            let path = Seq.append differing more |> Seq.tryHead |> Option.defaultValue "order"
            raise (ArgumentException $"The two trees differ in structure: only one of them has '{path}'.")

        withLeaves (Array.map2 (fun (_, l) (_, r) -> f l r) left right) b

    /// The number of elements in all tensors of a tree.
    let count (tree: 'a) : int64 = leaves tree |> Array.sumBy _.Count

    /// Whether the value is a tree: it holds nothing that a tree cannot.
    let internal isTree (value: 'a) =
        try
            leaves value |> ignore
            true
        with :? ArgumentException ->
            false

    /// Computes all tensors of a tree together, and returns the tree.
    let eval (tree: 'a) : 'a =
        Evaluate.nodes (nonNull (System.Runtime.CompilerServices.Unsafe.As<Node[]>(leaves tree)))
        tree
