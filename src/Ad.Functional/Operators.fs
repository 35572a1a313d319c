namespace Ad.Functional

/// Operators on tensors beyond arithmetic.
[<AutoOpen>]
module Operators =
    /// The matrix product (Tensor.matmul), with the precedence of multiplication: x *@ w + b is (x *@ w) + b.
    let ( *@ ) (a: Tensor) (b: Tensor) = Tensor.matmul a b

/// <summary>The operator @ as the matrix product. To be opened by name, because it hides @ on lists.</summary>
/// <remarks>F# gives @ a lower precedence than +, so that x @ w + b is x @ (w + b): write (x @ w) + b, or use *@.</remarks>
module MatrixProduct =
    /// The matrix product (Tensor.matmul).
    let (@) (a: Tensor) (b: Tensor) = Tensor.matmul a b
