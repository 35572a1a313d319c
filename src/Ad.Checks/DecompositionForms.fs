namespace Ad.Checks

open Ad.Functional
open Ad.Tensors
open Forms

/// Decompositions of matrices, where they are smooth.
[<RequireQualifiedAccess>]
module internal DecompositionForms =
    /// Two matrices, or fewer.
    let private several (s: Sizes) = min 2 s.A

    /// A form on square matrices with so much on the diagonal that they are regular and their elements keep their order of size.
    let private squares text (diagonal: int -> float) (f: Tensor -> Tensor) =
        fun s ->
            let shift =
                Tensor.eye DType.Float64 s.B
                * Tensor.vector [ for i in 0 .. s.B - 1 -> diagonal i ]

            { Text = text
              Inputs = [ input [ several s; s.B; s.B ] anywhere ]
              Apply = fun x -> f (x[0] + Tensor.cast x[0].DType shift) }

    let private packed kind (a: Tensor) = Tensor.Create(Decompose kind, a)
    let private dominant (i: int) = 10.0 + float i

    /// Their lines.
    let all: Entry list =
        let entry name forms =
            { Name = name
              IsLinear = false
              Forms = forms }

        let system text system =
            fun s ->
                let shift = 10.0 * Tensor.eye DType.Float64 s.B

                { Text = text
                  Inputs =
                    [ input [ several s; s.B; s.B ] anywhere
                      input [ several s; s.B; s.C ] anywhere ]
                  Apply = fun x -> Tensor.Create(Solve system, x[0] + Tensor.cast x[0].DType shift, x[1]) }

        let rectangle text (rows: Sizes -> int) (columns: Sizes -> int) kind =
            fun s ->
                let m, n = rows s, columns s
                let place axis = Tensor.iota DType.Int32 [ m; n ] axis
                let onDiagonal = Tensor.cast DType.Float64 (Tensor.equal (place 0) (place 1))
                let shift = onDiagonal * (12.0 * (1.0 + Tensor.cast DType.Float64 (place 0)))

                { Text = text
                  Inputs = [ input [ several s; m; n ] anywhere ]
                  Apply = fun x -> packed kind (x[0] + Tensor.cast x[0].DType shift) }

        [ entry "cholesky" [ squares "cholesky" dominant (packed Decomposition.Cholesky) ]
          entry
              "lu"
              [ squares "lu" dominant (packed Decomposition.Lu)
                squares "lu, rows exchanged" dominant (Tensor.flip [ 1 ] >> packed Decomposition.Lu) ]
          entry
              "qr"
              [ rectangle "qr" _.B _.B Decomposition.Qr
                rectangle "qr of a tall matrix" (fun s -> s.B + s.C) _.B Decomposition.Qr ]
          entry "eigh" [ squares "eigh" (fun i -> 12.0 * float i) (packed Decomposition.Eigh) ]
          entry
              "eig"
              [ squares "eig" (fun i -> 12.0 * float i) (packed Decomposition.Eig)
                fun s ->
                    // Turned by the neighbours, far more one way than the other: values in pairs of conjugates, vectors with one largest element.
                    let n = min 3 s.B
                    let place axis = Tensor.iota DType.Int32 [ n; n ] axis

                    let near k =
                        Tensor.cast DType.Float64 (Tensor.equal (place 1 - place 0) (Tensor.scalar (k: int)))

                    let shift = 20.0 * near -1 - 200.0 * near 1

                    { Text = "eig with complex values"
                      Inputs = [ input [ several s; n; n ] anywhere ]
                      Apply = fun x -> packed Decomposition.Eig (x[0] + Tensor.cast x[0].DType shift) } ]
          entry
              "svd"
              [ rectangle "svd" _.B _.B Decomposition.Svd
                rectangle "svd of a tall matrix" (fun s -> s.B + s.C) _.B Decomposition.Svd
                rectangle "svd of a wide matrix" _.B (fun s -> s.B + s.C) Decomposition.Svd ]
          entry "det" [ squares "det" (fun _ -> 1.0) (packed Decomposition.Determinant) ]
          entry "cofactors" [ squares "cofactors" dominant (packed Decomposition.Cofactors) ]
          entry
              "solve"
              [ system "solve" LinearSystem.General
                system "solve, lower" LinearSystem.Lower
                system "solve, upper" LinearSystem.Upper ] ]
