namespace Ad.Checks

open Ad.Functional
open Ad.Tensors
open Forms

/// Convolutions and windows, with all their options.
[<RequireQualifiedAccess>]
module internal WindowForms =
    /// Channels and rows by the sizes, a group's each; axes of at least two elements, in which windows have room where they are padded.
    let private convolution text groups spatial window options (s: Sizes) =
        let image =
            [ s.A; groups * s.B ]
            @ List.init spatial (fun a -> [ max 2 (s.C + 1); 2; 1 ][a])

        { Text = text
          Inputs =
            [ input image anywhere
              input ([ groups * (1 + (s.C + 1) % 2); s.B ] @ window) anywhere ]
          Apply = fun x -> Conv.conv options x[1] x[0] }

    /// Windows over the last two axes of a cube, of at least two elements each.
    let private windowed name isLinear domain (forms: (string * (Tensor -> Tensor)) list) =
        let shape (s: Sizes) = [ s.A; max 2 s.B; max 2 s.C ]

        { Name = name
          IsLinear = isLinear
          Forms = forms |> List.map (fun (text, f) -> unary text domain shape f) }

    let private overlapping =
        { Pool.defaults with
            Strides = [ 2; 1 ]
            Padding = Padding.Explicit [ 1, 0; 1, 1 ] }

    /// Windows of two, one apart, that begin before the first of so many elements.
    let private pairs n =
        axesOf [ n ], Windows(axesOf [ 2 ], axesOf [ 1 ], axesOf [ 1 ], axesOf [ 1 ], axesOf [ 1 ])

    /// What flows between an image and the extremes of its windows, for every kind of extreme.
    let private flowing name extra (op: Reduction -> int -> Op) =
        let form kind s =
            let n = s.B + 2

            { Text = $"{name} {named kind}"
              Inputs = [ input [ s.A; n ] (Apart 0); input [ s.A; n + extra ] anywhere ]
              Apply = fun x -> Tensor.Create(op kind n, x[0], x[1]) }

        { Name = name
          IsLinear = false
          Forms = [ form Reduction.Max; form Reduction.Min ] }

    /// Their lines.
    let all: Entry list =
        [ { Name = "conv"
            IsLinear = false
            Forms =
              [ let simple = Conv.defaults
                let padded = Padding.Explicit [ 1, 2 ]

                convolution "conv1d" 1 1 [ 2 ] simple

                convolution
                    "conv2d, padded"
                    1
                    2
                    [ 2; 2 ]
                    { simple with
                        Padding = Padding.Explicit [ 1, 0; 2, 1 ] }

                convolution
                    "conv2d, stride 2, same"
                    1
                    2
                    [ 2; 2 ]
                    { simple with
                        Strides = [ 2 ]
                        Padding = Padding.Same }

                convolution
                    "conv1d, dilated by 2"
                    1
                    1
                    [ 2 ]
                    { simple with
                        Dilation = [ 2 ]
                        Padding = padded }

                convolution
                    "conv1d, image dilated by 2"
                    1
                    1
                    [ 3 ]
                    { simple with
                        InputDilation = [ 2 ]
                        Padding = padded }

                convolution
                    "conv1d, stride 3, dilated by 2 and 3"
                    1
                    1
                    [ 2 ]
                    { simple with
                        Strides = [ 3 ]
                        Dilation = [ 2 ]
                        InputDilation = [ 3 ]
                        Padding = padded }

                convolution
                    "conv1d, cropped"
                    1
                    1
                    [ 1 ]
                    { simple with
                        Padding = Padding.Explicit [ -1, 2 ] }

                convolution
                    "conv1d, 2 groups"
                    2
                    1
                    [ 2 ]
                    { simple with
                        Groups = 2
                        Padding = padded }

                convolution
                    "conv3d"
                    1
                    3
                    [ 1; 2; 1 ]
                    { simple with
                        Padding = Padding.Explicit [ 0, 1 ] } ] }
          { Name = "convTranspose"
            IsLinear = false
            Forms =
              [ fun s ->
                    { Text = "convTranspose1d, stride 2"
                      Inputs = [ input [ 1; 2; max 1 s.B ] anywhere; input [ 2; s.C; 2 ] anywhere ]
                      Apply = fun x -> Conv.convTranspose1d 2 1 1 x[1] (Tensor.concat 2 [ x[0]; x[0]; x[0] ]) } ] }
          windowed
              "windowSum"
              true
              anywhere
              [ "average pooling, side by side", Pool.average Pool.defaults [ 2 ]
                "average pooling, overlapping", Pool.average overlapping [ 3; 2 ]
                "average pooling, dilated",
                Pool.average
                    { Pool.defaults with
                        Strides = [ 1 ]
                        Padding = Padding.Explicit [ 1, 1 ]
                        Dilation = [ 2 ] }
                    [ 2 ]
                "average pooling, without padding",
                Pool.average
                    { overlapping with
                        CountPadding = false
                        Ceil = true }
                    [ 3; 2 ] ]
          windowed
              "windowMax"
              false
              (Apart 0)
              [ "max pooling, side by side", Pool.max Pool.defaults [ 2 ]
                "max pooling, overlapping", Pool.max overlapping [ 3; 2 ]
                "max pooling, dilated",
                Pool.max
                    { Pool.defaults with
                        Strides = [ 1 ]
                        Padding = Padding.Explicit [ 1, 1 ]
                        Dilation = [ 2 ] }
                    [ 2 ]
                "adaptive max pooling", Pool.adaptiveMax [ 2 ] ]
          windowed
              "windowMin"
              false
              (Apart 0)
              [ "min pooling",
                fun x ->
                    let ones = axesOf [ 1; 1 ]
                    let windows = Windows(axesOf [ 2; 2 ], ones, ones, ones, ones)
                    let positions = axesOf [ x.Shape[1]; x.Shape[2] ]
                    Tensor.Create(Window(Reduction.Min, positions, windows), x) ]
          flowing "windowShare" 0 (fun kind n ->
              let positions, windows = pairs n
              WindowShare(kind, positions, windows))
          flowing "windowSpread" 1 (fun kind n -> WindowSpread(kind, snd (pairs n))) ]
