namespace Ad.Functional.CSharp

open System
open System.Runtime.CompilerServices
open Ad.Functional
open Ad.Tensors

/// Shapes, parts and elements by position, as methods. Axes may be negative.
[<AbstractClass; Sealed; Extension>]
type ArrangingMethods =
    /// All elements in one axis.
    [<Extension>]
    static member Flatten(x: Tensor) = Tensor.flatten x

    /// Two axes exchanged.
    [<Extension>]
    static member SwapAxes(x: Tensor, a: int, b: int) = Tensor.swapAxes a b x

    /// An axis taken out and put in at another position, counted in the result.
    [<Extension>]
    static member MoveAxis(x: Tensor, from: int, into: int) = Tensor.moveAxis from into x

    /// Per axis, elements start, start + step and so on below stop; negative starts and stops count from the end.
    [<Extension>]
    static member Slice(x: Tensor, [<ParamArray>] ranges: struct (int * int * int)[]) =
        Tensor.slice (ranges |> Array.map (fun (struct (start, stop, step)) -> start, stop, step)) x

    /// Cut along an axis into pieces of the sizes given, which add up to its own: the inverse of concat.
    [<Extension>]
    static member Split(x: Tensor, axis: int, [<ParamArray>] sizes: int[]) : Tensor[] =
        Tensor.split axis sizes x |> Array.ofList

    /// Cut along an axis into so many pieces of one size.
    [<Extension>]
    static member Chunk(x: Tensor, axis: int, count: int) : Tensor[] =
        Tensor.chunk axis count x |> Array.ofList

    /// The slices along an axis, which they have no more: the inverse of stack.
    [<Extension>]
    static member Unstack(x: Tensor, axis: int) : Tensor[] = Tensor.unstack axis x |> Array.ofList

    /// A part added to what the whole has from the starts on.
    [<Extension>]
    static member AddSlice(x: Tensor, part: Tensor, [<ParamArray>] starts: int[]) =
        Tensor.addSlice starts part x

    /// A part put in the place of what the whole has from the starts on.
    [<Extension>]
    static member SetSlice(x: Tensor, part: Tensor, [<ParamArray>] starts: int[]) =
        Tensor.setSlice starts part x

    /// Zeros before and after, per axis.
    [<Extension>]
    static member Pad(x: Tensor, [<ParamArray>] widths: struct (int * int)[]) =
        Tensor.pad (widths |> Array.map (fun (struct (before, after)) -> before, after)) x

    /// The order of elements reversed along axes.
    [<Extension>]
    static member Flip(x: Tensor, [<ParamArray>] axes: int[]) = Tensor.flip axes x

    /// The elements moved along an axis by a number of places, those that fall off the end put in at the start.
    [<Extension>]
    static member Roll(x: Tensor, axis: int, places: int) = Tensor.roll axis places x

    /// Each element as many times in a row along an axis.
    [<Extension>]
    static member Repeat(x: Tensor, axis: int, times: int) = Tensor.repeat axis times x

    /// The differences of neighbours along an axis.
    [<Extension>]
    static member Diff(x: Tensor, axis: int) = Tensor.diff axis x

    /// The cross products of vectors that lie along an axis.
    [<Extension>]
    static member Cross(a: Tensor, b: Tensor, axis: int) = Tensor.cross axis a b

    /// Elements so many places apart along each axis, with zeros between them.
    [<Extension>]
    static member Dilate(x: Tensor, [<ParamArray>] factors: int[]) = Tensor.dilate factors x

    /// The whole tensor as many times along each axis.
    [<Extension>]
    static member Tile(x: Tensor, [<ParamArray>] times: int[]) = Tensor.tile times x

    /// For each position in the indices, the element there along the axis; the other axes agree (NumPy's take_along_axis).
    [<Extension>]
    static member TakeAlong(x: Tensor, axis: int, indices: Tensor) = Tensor.takeAlong axis indices x

    /// The tensor with updates added at positions along an axis: slice indices[j] grows by updates[..., j, ...]; equal positions add up.
    [<Extension>]
    static member ScatterAdd(x: Tensor, axis: int, indices: Tensor, updates: Tensor) =
        Tensor.scatterAdd axis indices updates x

    /// The slices of a tensor where a mask of its first axes is true, one after another in a first axis.
    [<Extension>]
    static member Masked(x: Tensor, mask: Tensor) = Ordering.masked mask x

    /// 1 at the index and 0 elsewhere along a new last axis.
    [<Extension>]
    static member OneHot(indices: Tensor, dtype: DType, classes: int) = Tensor.oneHot dtype classes indices

    /// Zeros of a tensor's type and shape.
    [<Extension>]
    static member ZerosLike(x: Tensor) = Tensor.zerosLike x

    /// Ones of a tensor's type and shape.
    [<Extension>]
    static member OnesLike(x: Tensor) = Tensor.onesLike x

    /// A number in every element of a tensor's type and shape.
    [<Extension>]
    static member FullLike(x: Tensor, value: float) = Tensor.fullLike x value

    /// The elements along an axis in descending order; derivatives go with the elements.
    [<Extension>]
    static member SortDescending(x: Tensor, axis: int) = Ordering.sortDescending axis x

    /// The positions (Int32) of the elements along an axis in descending order of their values.
    [<Extension>]
    static member ArgSortDescending(x: Tensor, axis: int) = Ordering.argsortDescending axis x

    /// The median along an axis: the middle element, or the mean of the two in the middle.
    [<Extension>]
    static member Median(x: Tensor, axis: int) = Ordering.median axis x

    /// Where each value would go into an ascending vector so that it stays ascending (Int32): before equal elements, or after them.
    [<Extension>]
    static member SearchSorted(sorted: Tensor, values: Tensor, after: bool) =
        Ordering.searchSorted after sorted values
