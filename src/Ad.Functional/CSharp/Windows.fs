namespace Ad.Functional.CSharp

open System.Runtime.CompilerServices
open System.Runtime.InteropServices
open Ad.Functional

/// Convolutions and pooling as methods of images [N, C, spatial...], and order along an axis.
[<AbstractClass; Sealed; Extension>]
type WindowMethods =
    /// The convolution with a kernel [O, C / groups, window...], for any number of spatial axes, with the same stride, padding and dilation along all.
    [<Extension>]
    static member Convolve
        (
            x: Tensor,
            kernel: Tensor,
            [<Optional; DefaultParameterValue(1)>] stride: int,
            [<Optional; DefaultParameterValue(0)>] padding: int,
            [<Optional; DefaultParameterValue(1)>] dilation: int,
            [<Optional; DefaultParameterValue(1)>] groups: int
        ) =
        Conv.conv
            { Conv.defaults with
                Strides = [ stride ]
                Padding = Padding.Explicit [ padding, padding ]
                Dilation = [ dilation ]
                Groups = groups }
            kernel
            x

    /// The convolution padded so that sizes are kept, divided by the stride.
    [<Extension>]
    static member ConvolveSame
        (
            x: Tensor,
            kernel: Tensor,
            [<Optional; DefaultParameterValue(1)>] stride: int,
            [<Optional; DefaultParameterValue(1)>] dilation: int,
            [<Optional; DefaultParameterValue(1)>] groups: int
        ) =
        Conv.conv
            { Conv.defaults with
                Strides = [ stride ]
                Padding = Padding.Same
                Dilation = [ dilation ]
                Groups = groups }
            kernel
            x

    /// The transposed convolution with a kernel [C, O / groups, window...].
    [<Extension>]
    static member ConvolveTransposed
        (
            x: Tensor,
            kernel: Tensor,
            [<Optional; DefaultParameterValue(1)>] stride: int,
            [<Optional; DefaultParameterValue(0)>] padding: int,
            [<Optional; DefaultParameterValue(0)>] outputPadding: int,
            [<Optional; DefaultParameterValue(1)>] dilation: int,
            [<Optional; DefaultParameterValue(1)>] groups: int
        ) =
        Conv.convTranspose
            { Conv.defaults with
                Strides = [ stride ]
                Padding = Padding.Explicit [ padding, padding ]
                Dilation = [ dilation ]
                Groups = groups }
            [ outputPadding ]
            kernel
            x

    /// The largest element of each window over the last axes, windows a stride apart along each (0: side by side).
    [<Extension>]
    static member MaxPool
        (
            x: Tensor,
            window: int[],
            [<Optional; DefaultParameterValue(0)>] stride: int,
            [<Optional; DefaultParameterValue(0)>] padding: int
        ) =
        Pool.max (WindowMethods.Options(stride, padding)) (List.ofArray window) x

    /// The mean of each window over the last axes, windows a stride apart along each (0: side by side); padding counts as zeros.
    [<Extension>]
    static member AveragePool
        (
            x: Tensor,
            window: int[],
            [<Optional; DefaultParameterValue(0)>] stride: int,
            [<Optional; DefaultParameterValue(0)>] padding: int
        ) =
        Pool.average (WindowMethods.Options(stride, padding)) (List.ofArray window) x

    /// The last axes in these sizes, what lies between elements found in one way or another.
    [<Extension>]
    static member Resized(x: Tensor, kind: Interpolation, [<System.ParamArray>] sizes: int[]) =
        Resize.into kind (List.ofArray sizes) x

    /// The elements along an axis in ascending order, NaN last.
    [<Extension>]
    static member Sort(x: Tensor, axis: int) = Ordering.sort axis x

    /// The positions (Int32) of the elements along an axis in ascending order, NaN last.
    [<Extension>]
    static member ArgSort(x: Tensor, axis: int) = Ordering.argsort axis x

    /// The k largest elements along an axis in descending order, and their positions.
    [<Extension>]
    static member TopK(x: Tensor, axis: int, k: int) =
        let values, places = Ordering.topK axis k x
        struct (values, places)

    /// The q-quantile along an axis.
    [<Extension>]
    static member Quantile(x: Tensor, q: float, axis: int) = Ordering.quantile q axis x

    static member private Options(stride: int, padding: int) =
        { Pool.defaults with
            Strides = (if stride = 0 then [] else [ stride ])
            Padding = Padding.Explicit [ padding, padding ] }
