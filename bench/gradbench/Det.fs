/// The determinant by expansion into minors, none of which is shared: about e n! products.
module GradBench.Det

open Ad.Functional.Scalar

// The determinant of the rows from one on, in the columns left; their elements are in a, row by row.
let rec private minor<'T when 'T :> System.Numerics.IFloatingPointIeee754<'T>>
    (n: int)
    (a: 'T array)
    (row: int)
    (next: int array)
    : 'T =
    // The columns left are a linked list that begins at next[n].
    if row = n then
        'T.One
    else
        let mutable sum = 'T.Zero
        let mutable before = n
        let mutable positive = true

        while next[before] < n do
            let column = next[before]
            next[before] <- next[column]
            let term = 'T.op_Multiply (a[row * n + column], minor n a (row + 1) next)
            next[before] <- column

            sum <-
                (if positive then
                     'T.op_Addition (sum, term)
                 else
                     'T.op_Subtraction (sum, term))

            positive <- not positive
            before <- column

        sum

// Of each column the one after it, and the first after those of a set that is taken.
let private columnsWithout n (taken: int list) =
    let next = Array.create (n + 1) n
    let left = [ n ] @ List.except taken [ 0 .. n - 1 ]
    List.iter2 (fun c after -> next[c] <- after) left (List.tail left @ [ n ])
    next

/// The determinant of a square matrix of n rows, given row by row.
let determinant n (a: float array) = minor n a 0 (columnsWithout n [])

// The first factors of the terms of the expansion: their columns, and whether an odd number of exchanges sorts them.
let rec private beginnings n depth =
    if depth = 0 then
        [ [], false ]
    else
        [ for columns, odd in beginnings n (depth - 1) do
              for place, column in List.indexed (List.except columns [ 0 .. n - 1 ]) ->
                  columns @ [ column ], odd <> (place % 2 = 1) ]

/// The gradient of the determinant, as the sum of the gradients of its terms: those by the first few rows apart, so that
/// the tape of one is small.
let gradient n (a: float array) =
    let depth = max 0 (n - 8)
    let total = Array.zeroCreate<float> a.Length

    for columns, odd in beginnings n depth do
        let term (a: Adjoint<float> array) =
            let rest = minor n a depth (columnsWithout n columns)
            let product = columns |> List.indexed |> List.fold (fun p (row, c) -> a[row * n + c] * p) rest
            if odd then -product else product

        let part = Reverse.gradient term a

        for i in 0 .. part.Length - 1 do
            total[i] <- total[i] + part[i]

    total

let private functionOf f =
    let read json = Read.int "ell" json, Read.numbers (Read.field "A" json)
    Evaluation.functionOf read (fun (n, a) () -> f n a)

let evaluation =
    { Name = "det"
      Functions = Map [ "primal", functionOf determinant box; "gradient", functionOf gradient box ] }
