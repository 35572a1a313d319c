// Order along an axis: sorting, the largest few, quantiles, places in a sorted vector, masks.
#load "lib/Prelude.fsx"

open Ad.Functional

// Equal elements stay as they stand, and NaN comes last.
let x = Tensor.vector [ 3.0; 1.0; nan; 2.0; 1.0 ]
printfn $"{Ordering.argsort 0 x} puts {Ordering.sort 0 x}"
//> [1, 4, 3, 0, 2] : int32[5] puts [1.0, 1.0, 2.0, 3.0, NaN] : float64[5]

// A sorted tensor is made of the elements themselves, so derivatives go with them: to the two that the median is the mean of.
let y = Tensor.vector [ 5.0; 1.0; 2.0; 9.0 ]
printfn $"{Ordering.median 0 y}, {grad (Ordering.median 0) y}"
//> 3.5 : float64[], [0.5, 0.0, 0.5, 0.0] : float64[4]

let largest, places = Ordering.topK 0 2 y
printfn $"{largest} at {places}"
//> [9.0, 5.0] : float64[2] at [3, 0] : int32[2]

// Where values go in an ascending vector, before what is equal to them.
printfn $"{Ordering.searchSorted false (Tensor.vector [ 1.0; 2.0; 4.0 ]) (Tensor.vector [ 2.0; 3.0; 9.0 ])}"
//> [1, 2, 3] : int32[3]

// A mask chooses slices. How many is known only when the mask is, so it is computed at once.
let even = Tensor.vector [ true; false; true; false ]
printfn $"{Ordering.masked even y}"
//> [5.0, 2.0] : float64[2]
