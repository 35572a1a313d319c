namespace Ad.Functional

open Ad.Tensors

/// Networks of the literature, in the forms and with the parameter counts that each one names. Images are [N; channels; height; width]; results are logits.
[<RequireQualifiedAccess>]
module Models =
    let private options stride padding =
        { Conv.defaults with
            Strides = [ stride ]
            Padding = Padding.Explicit [ padding, padding ] }

    let private conv dtype name inputs outputs size stride padding =
        Network.layer name (Layer.conv dtype inputs outputs [ size; size ] (options stride padding))

    /// A convolution without biases.
    let private bare dtype name inputs outputs size stride padding =
        let options = options stride padding
        let layer = Layer.conv dtype inputs outputs [ size; size ] options

        let kernel: Layer<Tensor> =
            { Init = fun key -> (layer.Init key).Kernel
              Apply = fun _ kernel x -> Conv.conv options kernel x }

        Network.layer name kernel

    let private dense dtype name inputs outputs = Network.layer name (Layer.dense dtype inputs outputs)

    let private relu = Network.ofFunction Tensor.relu
    let private flat = Network.layer "" Layer.flatten
    let private dropout rate = Network.layer "" (Layer.dropout rate)

    let private pool size stride padding isCeil =
        let options =
            { Pool.defaults with
                Strides = [ stride ]
                Padding = Padding.Explicit [ padding, padding ]
                Ceil = isCeil }

        Network.layer "" (Layer.maxPool options [ size; size ])

    let private mean = Network.ofFunction Pool.globalAverage

    /// LeNet-5 on 1 x 32 x 32 (LeCun et al. 1998) in its usual form: every map sees every map below, tanh, means, a linear output. 61,706 parameters.
    [<CompiledName("LeNet5")>]
    let leNet5 (dtype: DType) : Model =
        let conv name inputs outputs =
            Network.chain [ conv dtype name inputs outputs 5 1 0; Network.ofFunction tanh ]

        let average = Network.layer "" (Layer.averagePool Pool.defaults [ 2; 2 ])

        { Title = "LeNet-5"
          DType = dtype
          Example = [ 1; 32; 32 ]
          Parts =
            [ "C1", conv "C1" 1 6
              "S2", average
              "C3", conv "C3" 6 16
              "S4", average
              "C5", Network.chain [ conv "C5" 16 120; flat ]
              "F6", Network.chain [ dense dtype "F6" 120 84; Network.ofFunction tanh ]
              "output", dense dtype "output" 84 10 ] }

    /// AlexNet in one column on 3 x 224 x 224 (Krizhevsky 2014, "One weird trick"). 61,100,840 parameters.
    [<CompiledName("AlexNet")>]
    let alexNet (dtype: DType) : Model =
        let conv name inputs outputs size stride padding =
            name, Network.chain [ conv dtype name inputs outputs size stride padding; relu ]

        let full name inputs = name, Network.chain [ dropout 0.5; dense dtype name inputs 4096; relu ]

        { Title = "AlexNet"
          DType = dtype
          Example = [ 3; 224; 224 ]
          Parts =
            [ conv "conv1" 3 64 11 4 2
              "pool1", pool 3 2 0 false
              conv "conv2" 64 192 5 1 2
              "pool2", pool 3 2 0 false
              conv "conv3" 192 384 3 1 1
              conv "conv4" 384 256 3 1 1
              conv "conv5" 256 256 3 1 1
              "pool5", Network.chain [ pool 3 2 0 false; flat ]
              full "fc6" 9216
              full "fc7" 4096
              "fc8", dense dtype "fc8" 4096 1000 ] }

    /// VGG-16 on 3 x 224 x 224 (Simonyan and Zisserman 2015, configuration D). 138,357,544 parameters.
    [<CompiledName("Vgg16")>]
    let vgg16 (dtype: DType) : Model =
        let group g inputs outputs count =
            [ for i in 1..count do
                  let name = $"conv{g}_{i}"
                  let inputs = if i = 1 then inputs else outputs
                  name, Network.chain [ conv dtype name inputs outputs 3 1 1; relu ]
              $"pool{g}", pool 2 2 0 false ]

        let full name inputs = name, Network.chain [ dense dtype name inputs 4096; relu; dropout 0.5 ]

        { Title = "VGG-16"
          DType = dtype
          Example = [ 3; 224; 224 ]
          Parts =
            List.concat
                [ group 1 3 64 2
                  group 2 64 128 2
                  group 3 128 256 3
                  group 4 256 512 3
                  group 5 512 512 3
                  [ "flatten", flat
                    full "fc6" 25088
                    full "fc7" 4096
                    "fc8", dense dtype "fc8" 4096 1000 ] ] }

    /// <summary>
    /// The inception module (Szegedy et al. 2015, fig. 2b): 1 x 1; 1 x 1 then 3 x 3; 1 x 1 then 5 x 5; a pool then 1 x 1; side by side. The widths are those
    /// of the paper's table 1: #1x1, #3x3 reduce, #3x3, #5x5 reduce, #5x5, pool proj.
    /// </summary>
    [<CompiledName("Inception")>]
    let inception
        (dtype: DType)
        (name: string)
        (inputs: int)
        (one, reduce3, three, reduce5, five, projected)
        : Network =
        let conv part inputs outputs size =
            Network.chain [ conv dtype $"{name}.{part}" inputs outputs size 1 (size / 2); relu ]

        [ conv "1x1" inputs one 1
          Network.chain [ conv "3x3reduce" inputs reduce3 1; conv "3x3" reduce3 three 3 ]
          Network.chain [ conv "5x5reduce" inputs reduce5 1; conv "5x5" reduce5 five 5 ]
          Network.chain [ pool 3 1 1 false; conv "pool" inputs projected 1 ] ]
        |> Network.branches (Tensor.concat 1)

    /// GoogLeNet on 3 x 224 x 224 (Szegedy et al. 2015, table 1) with biases, without local response normalization and without the auxiliary classifiers:
    /// 6,998,552 parameters, as in Caffe's reference model.
    [<CompiledName("GoogLeNet")>]
    let googLeNet (dtype: DType) : Model =
        let conv name inputs outputs size stride =
            name, Network.chain [ conv dtype name inputs outputs size stride (size / 2); relu ]

        let module' name inputs widths = name, inception dtype name inputs widths

        { Title = "GoogLeNet"
          DType = dtype
          Example = [ 3; 224; 224 ]
          Parts =
            [ conv "conv1" 3 64 7 2
              "pool1", pool 3 2 0 true
              conv "conv2reduce" 64 64 1 1
              conv "conv2" 64 192 3 1
              "pool2", pool 3 2 0 true
              module' "3a" 192 (64, 96, 128, 16, 32, 32)
              module' "3b" 256 (128, 128, 192, 32, 96, 64)
              "pool3", pool 3 2 0 true
              module' "4a" 480 (192, 96, 208, 16, 48, 64)
              module' "4b" 512 (160, 112, 224, 24, 64, 64)
              module' "4c" 512 (128, 128, 256, 24, 64, 64)
              module' "4d" 512 (112, 144, 288, 32, 64, 64)
              module' "4e" 528 (256, 160, 320, 32, 128, 128)
              "pool4", pool 3 2 0 true
              module' "5a" 832 (256, 160, 320, 32, 128, 128)
              module' "5b" 832 (384, 192, 384, 48, 128, 128)
              "mean", Network.chain [ mean; dropout 0.4 ]
              "classes", dense dtype "classes" 1024 1000 ] }

    // Convolution without bias, batch normalization, rectifier.
    let private normed dtype name inputs outputs size stride =
        Network.chain
            [ bare dtype name inputs outputs size stride (size / 2)
              Network.stateful $"{name}.norm" (Stateful.batchNorm dtype outputs 0.1 1e-3)
              relu ]

    /// <summary>
    /// GoogLeNet as it is trained today, batch normalization after every convolution, none of which has a bias, and 3 x 3 windows in the branch that the paper gives
    /// 5 x 5 (torchvision's form). 6,624,904 parameters.
    /// </summary>
    [<CompiledName("GoogLeNetNormed")>]
    let googLeNetNormed (dtype: DType) : Model =
        let conv name inputs outputs size stride = name, normed dtype name inputs outputs size stride

        let module' name inputs (one, reduce3, three, reduce5, five, projected) =
            let conv part inputs outputs size = normed dtype $"{name}.{part}" inputs outputs size 1

            name,
            [ conv "1x1" inputs one 1
              Network.chain [ conv "3x3reduce" inputs reduce3 1; conv "3x3" reduce3 three 3 ]
              Network.chain [ conv "5x5reduce" inputs reduce5 1; conv "5x5" reduce5 five 3 ]
              Network.chain [ pool 3 1 1 false; conv "pool" inputs projected 1 ] ]
            |> Network.branches (Tensor.concat 1)

        let plain = googLeNet dtype

        let parts =
            [ "conv1", conv "conv1" 3 64 7 2
              "conv2reduce", conv "conv2reduce" 64 64 1 1
              "conv2", conv "conv2" 64 192 3 1
              "3a", module' "3a" 192 (64, 96, 128, 16, 32, 32)
              "3b", module' "3b" 256 (128, 128, 192, 32, 96, 64)
              "4a", module' "4a" 480 (192, 96, 208, 16, 48, 64)
              "4b", module' "4b" 512 (160, 112, 224, 24, 64, 64)
              "4c", module' "4c" 512 (128, 128, 256, 24, 64, 64)
              "4d", module' "4d" 512 (112, 144, 288, 32, 64, 64)
              "4e", module' "4e" 528 (256, 160, 320, 32, 128, 128)
              "5a", module' "5a" 832 (256, 160, 320, 32, 128, 128)
              "5b", module' "5b" 832 (384, 192, 384, 48, 128, 128) ]
            |> Map.ofList

        { plain with
            Title = "GoogLeNet with batch normalization"
            Parts =
                plain.Parts
                |> List.map (fun (name, part) -> Map.tryFind name parts |> Option.defaultValue (name, part)) }

    /// <summary>
    /// An auxiliary classifier of GoogLeNet, for so many channels of any size (Szegedy et al. 2015, section 5): means on 4 x 4, 128 channels, 1,024 units, dropout of 0.7,
    /// logits. The two, on 512 channels of 4a's result and 528 of 4d's, make 13,004,888 parameters with the form with batch normalization.
    /// </summary>
    [<CompiledName("Auxiliary")>]
    let auxiliary (dtype: DType) (name: string) (channels: int) : Network =
        Network.chain
            [ Network.ofFunction (Pool.adaptiveAverage [ 4; 4 ])
              normed dtype $"{name}.conv" channels 128 1 1
              flat
              dense dtype $"{name}.fc1" 2048 1024
              relu
              dropout 0.7
              dense dtype $"{name}.fc2" 1024 1000 ]

    let private residual
        dtype
        title
        counts
        (expansion: int)
        (main: string -> int -> int -> int -> Network list)
        =
        let norm name channels = Network.stateful name (Stateful.batchNorm dtype channels 0.1 1e-5)

        let block name inputs width stride =
            let outputs = width * expansion

            let shortcut =
                if stride = 1 && inputs = outputs then
                    Network.chain []
                else
                    Network.chain
                        [ bare dtype $"{name}.shortcut" inputs outputs 1 stride 0
                          norm $"{name}.shortcutNorm" outputs ]

            name,
            Network.branches
                (List.reduce (+) >> Tensor.relu)
                [ Network.chain (main name inputs width stride); shortcut ]

        let stage s inputs count =
            let width = 64 <<< s

            [ for i in 0 .. count - 1 do
                  let inputs = if i = 0 then inputs else width * expansion
                  block $"stage{s + 1}.{i}" inputs width (if i = 0 && s > 0 then 2 else 1) ]

        let stages =
            counts
            |> List.mapi (fun s count -> stage s (if s = 0 then 64 else (32 <<< s) * expansion) count)

        { Title = title
          DType = dtype
          Example = [ 3; 224; 224 ]
          Parts =
            List.concat
                [ [ "conv1", Network.chain [ bare dtype "conv1" 3 64 7 2 3; norm "norm1" 64; relu ]
                    "pool1", pool 3 2 1 false ]
                  List.concat stages
                  [ "mean", mean; "classes", dense dtype "classes" (512 * expansion) 1000 ] ] }

    let private basic dtype title counts =
        let norm name channels = Network.stateful name (Stateful.batchNorm dtype channels 0.1 1e-5)

        residual dtype title counts 1 (fun name inputs width stride ->
            [ bare dtype $"{name}.conv1" inputs width 3 stride 1
              norm $"{name}.norm1" width
              relu
              bare dtype $"{name}.conv2" width width 3 1 1
              norm $"{name}.norm2" width ])

    /// ResNet-18 on 3 x 224 x 224 (He et al. 2016, table 1; projections where sizes change). 11,689,512 parameters.
    [<CompiledName("ResNet18")>]
    let resNet18 (dtype: DType) : Model = basic dtype "ResNet-18" [ 2; 2; 2; 2 ]

    /// ResNet-34. 21,797,672 parameters.
    [<CompiledName("ResNet34")>]
    let resNet34 (dtype: DType) : Model = basic dtype "ResNet-34" [ 3; 4; 6; 3 ]

    /// ResNet-50, of bottlenecks, the stride in their 3 x 3 (the form usual since Goyal et al. 2017). 25,557,032 parameters.
    [<CompiledName("ResNet50")>]
    let resNet50 (dtype: DType) : Model =
        let norm name channels = Network.stateful name (Stateful.batchNorm dtype channels 0.1 1e-5)

        residual dtype "ResNet-50" [ 3; 4; 6; 3 ] 4 (fun name inputs width stride ->
            [ bare dtype $"{name}.conv1" inputs width 1 1 0
              norm $"{name}.norm1" width
              relu
              bare dtype $"{name}.conv2" width width 3 stride 1
              norm $"{name}.norm2" width
              relu
              bare dtype $"{name}.conv3" width (4 * width) 1 1 0
              norm $"{name}.norm3" (4 * width) ])
