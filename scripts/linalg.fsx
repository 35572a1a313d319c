// Products and parts of matrices: einsum and its relatives.
#load "lib/Prelude.fsx"

open Ad.Functional

let a = Tensor.matrix [ [ 1.0; 2.0; 3.0 ]; [ 4.0; 5.0; 6.0 ] ]
let b = Tensor.matrix [ [ 1.0; 0.0 ]; [ 0.0; 1.0 ]; [ 2.0; 2.0 ] ]

// A letter for each axis; letters that the result lacks are summed over.
printfn $"""{Linalg.einsum "ij,jk->ik" [ a; b ]}"""
//> [[7.0, 8.0], [16.0, 17.0]] : float64[2, 2]
printfn $"""{Linalg.einsum "ij,jk->" [ a; b ]}, {Linalg.einsum "ij->ji" [ a ]}"""
//> 48.0 : float64[], [[1.0, 4.0], [2.0, 5.0], [3.0, 6.0]] : float64[3, 2]

// It is composed of operations that have derivatives, so it has them too: of the bilinear form u' M v by M, the outer product.
let u, v = Tensor.vector [ 1.0; 2.0 ], Tensor.vector [ 3.0; 4.0; 5.0 ]
printfn $"""{grad (fun m -> Linalg.einsum "i,ij,j->" [ u; m; v ]) a}"""
//> [[3.0, 4.0, 5.0], [6.0, 8.0, 10.0]] : float64[2, 3]

let square = Tensor.matrix [ [ 1.0; 2.0 ]; [ 3.0; 4.0 ] ]
printfn $"{Linalg.diagonal square}; {Linalg.triu 0 square}; {Linalg.kron (Tensor.eye Float64 2) square}"
//> [1.0, 4.0] : float64[2]; [[1.0, 2.0], [0.0, 4.0]] : float64[2, 2]; [[1.0, 2.0, 0.0, 0.0], [3.0, 4.0, 0.0, 0.0], [0.0, 0.0, 1.0, 2.0], [0.0, 0.0, 3.0, 4.0]] : float64[4, 4]

// Of a matrix of any rank the inverse of Moore and Penrose; roots and logarithms of matrices, symmetric or not.
let singular = Tensor.matrix [ [ 1.0; 2.0 ]; [ 2.0; 4.0 ] ]
printfn $"{Linalg.pseudoInverse singular}, rank {Linalg.matrixRank singular}"
//> [[0.04, 0.08], [0.08, 0.16]] : float64[2, 2], rank 1 : int32[]
let turn = Tensor.matrix [ [ 0.0; -1.0 ]; [ 1.0; 0.0 ] ]
printfn $"{Linalg.sqrtm turn}"
//> [[0.707107, -0.707107], [0.707107, 0.707107]] : float64[2, 2]

// Fourier transforms of pairs of real and imaginary parts, and of real numbers.
let wave = cos (2.0 * System.Math.PI * Tensor.arange Float64 8 / 4.0)
let re, im = Fourier.rfft 0 wave
printfn $"{Tensor.round (re * re + im * im)}"
//> [0.0, 0.0, 16.0, 0.0, 0.0] : float64[5]
