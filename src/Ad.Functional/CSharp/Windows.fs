namespace Ad.Functional.CSharp

open System.Runtime.CompilerServices
open System.Runtime.InteropServices
open Ad.Functional

/// Convolutions as methods of images [N, C, spatial...].
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
