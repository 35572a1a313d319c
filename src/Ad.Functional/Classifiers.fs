namespace Ad.Functional

open System
open Ad.Tensors

/// <summary>Networks that classify, by name, made as large as the examples: features, or images of channels, rows and columns.</summary>
[<RequireQualifiedAccess>]
module Classifiers =
    let private part name layer = name, Network.layer name layer
    let private plain name f = name, Network.ofFunction f

    let private image name (example: int list) =
        match example with
        | [ channels; height; width ] -> channels, height, width
        | _ ->
            let sizes = String.Join(" x ", example)
            Shapes.refuse name $"takes images of channels, rows and columns, but the examples are {sizes}."

    let private perceptron (dtype: DType) (hidden: int list) (drop: float) (example: int list) classes =
        let widths = List.fold (*) 1 example :: hidden
        let last = List.last widths

        [ yield plain "flatten" (fun x -> Tensor.reshape [ x.Shape[0]; -1 ] x)
          for i, (inputs, outputs) in List.indexed (List.pairwise widths) do
              let dense = Layer.dense dtype inputs outputs |> Layer.map Tensor.relu
              yield part $"{i}" dense
              yield $"drop{i}", Network.layer "" (Layer.dropout drop)
          yield part $"{hidden.Length}" (Layer.dense dtype last classes) ]

    let private conv dtype inputs outputs size padding =
        Layer.conv
            dtype
            inputs
            outputs
            [ size; size ]
            { Conv.defaults with
                Padding = Padding.Explicit [ padding, padding ] }

    let private halved = Layer.maxPool Pool.defaults [ 2; 2 ]

    let private lenet dtype drop example classes =
        let channels, height, width = image "lenet" example

        if height < 12 || width < 12 then
            Shapes.refuse
                "lenet"
                $"takes images of at least 12 x 12, but was given {height} x {width}; convnet takes smaller ones."

        // The first convolution keeps the size, the second loses four rows and columns.
        let left n = (n / 2 - 4) / 2
        let flat = 16 * left height * left width

        [ part "C1" (conv dtype channels 6 5 2 |> Layer.map Tensor.relu)
          "S2", Network.layer "" halved
          part "C3" (conv dtype 6 16 5 0 |> Layer.map Tensor.relu)
          "S4", Network.layer "" halved
          "flatten", Network.layer "" Layer.flatten
          part "C5" (Layer.dense dtype flat 120 |> Layer.map Tensor.relu)
          part "F6" (Layer.dense dtype 120 84 |> Layer.map Tensor.relu)
          "drop", Network.layer "" (Layer.dropout drop)
          part "output" (Layer.dense dtype 84 classes) ]

    let private convnet dtype drop example classes =
        let channels, height, width = image "convnet" example

        if height < 4 || width < 4 then
            Shapes.refuse "convnet" $"takes images of at least 4 x 4, but was given {height} x {width}."

        let flat = 32 * (height / 2 / 2) * (width / 2 / 2)

        [ part "conv1" (conv dtype channels 16 3 1 |> Layer.map Tensor.relu)
          "pool1", Network.layer "" halved
          part "conv2" (conv dtype 16 32 3 1 |> Layer.map Tensor.relu)
          "pool2", Network.layer "" halved
          "flatten", Network.layer "" Layer.flatten
          part "hidden" (Layer.dense dtype flat 128 |> Layer.map Tensor.relu)
          "drop", Network.layer "" (Layer.dropout drop)
          part "output" (Layer.dense dtype 128 classes) ]

    // The networks for small images of He et al. 2016, section 4.2: three stages of n blocks each, 6 n + 2 layers, projections where sizes change.
    let private resnet dtype n example classes =
        let channels, height, width = image "resnet" example

        if height < 4 || width < 4 then
            Shapes.refuse "resnet" $"takes images of at least 4 x 4, but was given {height} x {width}."

        let bare name inputs outputs size stride =
            let options =
                { Conv.defaults with
                    Strides = [ stride ]
                    Padding = Padding.Explicit [ size / 2, size / 2 ] }

            let whole = Layer.conv dtype inputs outputs [ size; size ] options

            Network.layer
                name
                { Init = fun key -> (whole.Init key).Kernel
                  Apply = fun _ kernel x -> Conv.conv options kernel x }

        let norm name size = Network.stateful name (Stateful.batchNorm dtype size 0.1 1e-5)
        let relu = Network.ofFunction Tensor.relu

        let block name inputs outputs stride =
            let shortcut =
                if stride = 1 && inputs = outputs then
                    []
                else
                    [ bare $"{name}.shortcut" inputs outputs 1 stride
                      norm $"{name}.shortcutNorm" outputs ]

            let main =
                [ bare $"{name}.conv1" inputs outputs 3 stride
                  norm $"{name}.norm1" outputs
                  relu
                  bare $"{name}.conv2" outputs outputs 3 1
                  norm $"{name}.norm2" outputs ]

            name,
            Network.branches (List.reduce (+) >> Tensor.relu) [ Network.chain main; Network.chain shortcut ]

        [ yield "stem", Network.chain [ bare "stem" channels 16 3 1; norm "stemNorm" 16; relu ]
          for stage in 0..2 do
              for i in 0 .. n - 1 do
                  let outputs = 16 <<< stage
                  let isFirst = i = 0 && stage > 0

                  yield
                      block
                          $"stage{stage + 1}.{i}"
                          (if isFirst then outputs / 2 else outputs)
                          outputs
                          (if isFirst then 2 else 1)
          yield plain "mean" Pool.globalAverage
          yield part "output" (Layer.dense dtype 64 classes) ]

    /// The names: mlp (dense layers), lenet (LeNet-5's sizes with rectifiers and maxima), convnet (two small convolutions), resnet8 and resnet20.
    [<CompiledName("Names")>]
    let names: string list = [ "mlp"; "lenet"; "convnet"; "resnet8"; "resnet20" ]

    /// <summary>The network of a name for examples of a size and so many classes; hidden sizes are those of mlp, dropout comes before the last layer (in mlp: after every hidden one).</summary>
    /// <exception cref="T:System.ArgumentException">There is none of that name, or it does not take such examples.</exception>
    [<CompiledName("Make")>]
    let make
        (name: string)
        (dtype: DType)
        (example: int list)
        (classes: int)
        (hidden: int list)
        (drop: float)
        : Model =
        let parts =
            match name with
            | "mlp" -> perceptron dtype hidden drop example classes
            | "lenet" -> lenet dtype drop example classes
            | "convnet" -> convnet dtype drop example classes
            | "resnet8" -> resnet dtype 1 example classes
            | "resnet20" -> resnet dtype 3 example classes
            | _ ->
                let known = String.Join(", ", names)
                Shapes.refuse "model" $"there is none called '{name}'; there are {known}."

        { Title = name
          DType = dtype
          Example = example
          Parts = parts }

/// <summary>All there is to keep of a network in training: a tree of tensors.</summary>
/// <remarks>The average of the parameters is empty unless one is asked for; its decay after t steps is (1 + t) / (10 + t) at most, so that it forgets the first ones.</remarks>
type Learner =
    { Parameters: Named
      Running: Named
      Optimizer: obj
      Average: Named
      Steps: Tensor
      Key: Key }

/// Training of classifiers as pure steps.
[<RequireQualifiedAccess>]
module Learning =
    /// The state before the first step. With an average decay above 0 an average of the parameters is kept.
    [<CompiledName("Start")>]
    let start (network: Network) (optimizer: Optimizer<Named, obj>) (average: float) (key: Key) : Learner =
        let keys = Key.split 2 key
        let parameters, running = network.Init keys[0]

        Tree.eval
            { Parameters = parameters
              Running = running
              Optimizer = optimizer.Init parameters
              Average = if average > 0.0 then parameters else Map.empty
              Steps = Updates.zeroCount ()
              Key = keys[1] }

    // The numbers that each example's change is made of; none if nothing changes.
    let private wordsOf (change: (Key -> Tensor -> Tensor) option) (count: int) (key: Key) : Tensor option =
        change
        |> Option.map (fun _ -> Key.split count key |> Array.map _.Words |> Tensor.stack 0)

    let private changed (change: (Key -> Tensor -> Tensor) option) (words: Tensor option) (x: Tensor) =
        match change, words with
        | Some change, Some words -> vmap (fun (key, x) -> change key x) ({ Words = words }, x)
        | _ -> x

    // Of a state's key the next state's, that of noise in layers, and that of changes of examples.
    let private keyOf (use': int) (key: Key) = Array.item use' (Key.split 3 key)

    // Gradients, the loss, the next running statistics, and how many are right.
    let private differentiated
        (network: Network)
        (loss: Tensor -> Tensor -> Tensor)
        (learner: Learner)
        key
        (x, classes)
        =
        let objective p =
            let logits, running = network.Apply (Training key) p learner.Running x
            let value = loss logits classes
            Recipes.scaledLoss learner.Optimizer value, (value, logits, running)

        let (_, (value, logits, running)), gradients =
            Reverse.valueAndGradientAux objective learner.Parameters

        gradients, value, running, Losses.correct logits classes

    let private advanced
        (optimizer: Optimizer<Named, obj>)
        (average: float)
        (learner: Learner)
        key
        gradients
        running
        =
        let parameters, state = Optimizer.step optimizer gradients learner.Optimizer learner.Parameters

        { Parameters = parameters
          Running = running
          Optimizer = state
          Average =
            if average > 0.0 then
                let t = Tensor.cast DType.Float64 (learner.Steps + 1)
                let decay = Tensor.minimum (Tensor.scalar average) ((1.0 + t) / (10.0 + t))
                Leaves.map2 (fun p mean -> p + Leaves.times decay (mean - p)) parameters learner.Average
            else
                Map.empty
          Steps = learner.Steps + 1
          Key = key }

    /// <summary>A step over examples and their classes: the next state, the mean loss of the batch and how many were right, before the step.</summary>
    /// <param name="network">What is trained.</param>
    /// <param name="optimizer">How.</param>
    /// <param name="average">The decay of the parameters' average, 0 for none.</param>
    /// <param name="change">What changes one example in training, by a key.</param>
    /// <param name="loss">From logits and classes to the mean loss.</param>
    /// <param name="learner">The state.</param>
    /// <param name="x">The examples.</param>
    /// <param name="classes">Their classes.</param>
    [<CompiledName("Step")>]
    let step
        (network: Network)
        (optimizer: Optimizer<Named, obj>)
        (average: float)
        (change: (Key -> Tensor -> Tensor) option)
        (loss: Tensor -> Tensor -> Tensor)
        (learner: Learner)
        (x: Tensor, classes: Tensor)
        : Learner * (Tensor * Tensor) =
        let keys = Key.split 3 learner.Key
        let x = changed change (wordsOf change x.Shape[0] keys[2]) x
        let gradients, value, running, correct = differentiated network loss learner keys[1] (x, classes)
        advanced optimizer average learner keys[0] gradients running, (value, correct)

    /// <summary>A compiled step of replicas of a learner, one on each device, over a batch that they share out: the next replicas, the mean loss and how many were right.</summary>
    /// <remarks>
    /// To rounding it is <c>step</c> of one, where each example's loss is its own; running statistics are the means of those of the parts, and noise in layers is other
    /// on each device. Settings are those of <c>step</c>; replicas begin with <c>DataParallel.replicate</c>.
    /// </remarks>
    /// <param name="group">The devices.</param>
    /// <param name="network">What is trained.</param>
    /// <param name="optimizer">How.</param>
    /// <param name="average">The decay of the parameters' average, 0 for none.</param>
    /// <param name="change">What changes one example in training, by a key.</param>
    /// <param name="loss">From logits and classes to the mean loss.</param>
    [<CompiledName("ParallelStep")>]
    let parallelStep
        (group: DeviceGroup)
        (network: Network)
        (optimizer: Optimizer<Named, obj>)
        (average: float)
        (change: (Key -> Tensor -> Tensor) option)
        (loss: Tensor -> Tensor -> Tensor)
        : Learner[] -> Tensor * Tensor -> Learner[] * (Tensor * Tensor) =
        let drawn = jit (fun (key, x: Tensor) -> wordsOf change x.Shape[0] (keyOf 2 key))

        let local =
            jit (fun (learner: Learner, (x, classes, words), weight, rank) ->
                let key = Key.foldInTensor rank (keyOf 1 learner.Key)

                let gradients, value, running, correct =
                    differentiated network loss learner key (changed change words x, classes)

                Tree.map (Leaves.times weight) (gradients, value, running), correct)

        let advance =
            jit (fun (learner: Learner, gradients, running) ->
                advanced optimizer average learner (keyOf 0 learner.Key) gradients running)

        fun replicas (x, classes) ->
            let key = { Words = Tensor.onDevice Device.Cpu replicas[0].Key.Words }
            let words = change |> Option.bind (fun _ -> drawn (key, x))
            let parts = DataParallel.share group (x, classes, words)

            let found =
                Array.mapi2
                    (fun rank learner (part, weight) ->
                        local (learner, part, Tensor.scalar weight, Tensor.scalar rank))
                    replicas
                    parts

            let sums = DataParallel.sum group found

            let next =
                Array.map2
                    (fun learner ((gradients, _, running), _) -> advance (learner, gradients, running))
                    replicas
                    sums

            let (_, value, _), correct = sums[0]
            next, (value, correct)

    /// Logits in prediction: by the average of the parameters where there is one.
    [<CompiledName("Predict")>]
    let predict (network: Network) (learner: Learner) (x: Tensor) : Tensor =
        let p =
            if Map.isEmpty learner.Average then
                learner.Parameters
            else
                learner.Average

        fst (network.Apply Inference p learner.Running x)

    /// Cross-entropy against classes whose probability is shared, by a part, with all others (Szegedy et al. 2016).
    [<CompiledName("SmoothedCrossEntropy")>]
    let smoothedCrossEntropy (alpha: float) (logits: Tensor) (classes: Tensor) : Tensor =
        if alpha = 0.0 then
            Losses.crossEntropy logits classes
        else
            Tensor.oneHot logits.DType logits.Shape[logits.Rank - 1] classes
            |> Losses.smoothLabels alpha
            |> Losses.crossEntropyOf logits
