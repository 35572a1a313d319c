namespace Ad.Functional

/// Measures work.
[<RequireQualifiedAccess; CompilationRepresentation(CompilationRepresentationFlags.ModuleSuffix)>]
module Cost =
    /// <summary>The function's result, computed, and the work that it took. Measurements nest, and see tasks that the function starts.</summary>
    /// <remarks>A result that is a tree of tensors is computed before the count ends; what a plain value or another object holds is not.</remarks>
    let measure (f: unit -> 'a) : 'a * Cost =
        Meter.Run(fun () ->
            let result = f ()
            if Tree.isTree result then Tree.eval result else result)
