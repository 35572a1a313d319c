using System.Globalization;
using System.Runtime.InteropServices;

namespace Ad.Tensors.Cuda;

/// <summary>
/// NVIDIA's cuDNN (versions 8 and 9), found at run time as NVRTC is: the convolutions of its implicit products of matrices, which are deterministic and multiply
/// nothing but elements of image and kernel. Float32 stays Float32 unless TF32 is asked for.
/// </summary>
/// <remarks>Calls and numbers are those of the cuDNN documentation (NVIDIA 2024, "cudnn_cnn").</remarks>
internal sealed unsafe class Cudnn : IConvolutionLibrary
{
    private const int CrossCorrelation = 1;
    private const int RowMajor = 0;
    private const int TensorCores = 1;
    private const int NoTensorCores = 3;
    private const int ImplicitPrecomputed = 1;
    private const int DeterministicImage = 1;
    private const int DeterministicKernel = 1;
    private const int NotSupported8 = 9;
    private const int NotSupported9 = 3000;
    private const int NotSupportedEnd = 4000;

    // Below this many products a launch costs more than it does.
    private const double FewProducts = 1 << 20;

    private readonly nint _library;
    private readonly bool _tf32;
    private readonly Dictionary<ConvolutionProblem, ConvolutionWork?> _known = [];
    private nint _handle;
    private nint _stream = -1;

    private Cudnn(nint library, string path, bool tf32, double least)
    {
        (_library, _tf32, Least) = (library, tf32, least);
        Name = string.Create(CultureInfo.InvariantCulture, $"cuDNN {((delegate* unmanaged<nuint>)Entry("cudnnGetVersion"))()} ({path}){(tf32 ? " with TF32" : "")}");
    }

    public string Name { get; }

    public double Least { get; }

    /// <summary>The library in a file, or null if there is none.</summary>
    public static Cudnn? Open(string path, bool tf32, double least = FewProducts) =>
        NativeLibrary.TryLoad(path, out var library) && NativeLibrary.TryGetExport(library, "cudnnConvolutionBackwardFilter", out _) ? new Cudnn(library, path, tf32, least) : null;

    public ConvolutionWork? Prepare(ConvolutionProblem problem)
    {
        if (!_known.TryGetValue(problem, out var work))
        {
            _known[problem] = work = Make(problem);
        }

        return work;
    }

    private ConvolutionWork? Make(ConvolutionProblem problem)
    {
        if (_handle == 0)
        {
            _handle = Made("cudnnCreate");
        }

        var (type, compute) = Code(problem.Type);
        var image = Tensor(type, problem.Image, problem.ImageSteps);
        var result = Tensor(type, problem.Result, problem.ResultSteps);
        var kernel = Made("cudnnCreateFilterDescriptor");
        var convolution = Made("cudnnCreateConvolutionDescriptor");
        fixed (int* sizes = problem.Kernel.Values, padding = problem.Padding.Values, strides = problem.Strides.Values, dilation = problem.Dilation.Values)
        {
            Check("cudnnSetFilterNdDescriptor", ((delegate* unmanaged<nint, int, int, int, int*, int>)Entry("cudnnSetFilterNdDescriptor"))(kernel, type, RowMajor, problem.Kernel.Count, sizes));
            Check("cudnnSetConvolutionNdDescriptor", ((delegate* unmanaged<nint, int, int*, int*, int*, int, int, int>)Entry("cudnnSetConvolutionNdDescriptor"))(
                convolution, problem.Padding.Count, padding, strides, dilation, CrossCorrelation, compute));
        }

        Check("cudnnSetConvolutionGroupCount", ((delegate* unmanaged<nint, int, int>)Entry("cudnnSetConvolutionGroupCount"))(convolution, problem.Groups));
        var mayRound = problem.Type.IsHalf() || (problem.Type == DType.Float32 && _tf32);
        Check("cudnnSetConvolutionMathType", ((delegate* unmanaged<nint, int, int>)Entry("cudnnSetConvolutionMathType"))(convolution, mayRound ? TensorCores : NoTensorCores));
        var (name, algorithm, first, second, made) = problem.Pass switch
        {
            ConvolutionPass.Forward => ("Forward", ImplicitPrecomputed, image, kernel, result),
            ConvolutionPass.Image => ("BackwardData", DeterministicImage, kernel, result, image),
            ConvolutionPass.Kernel => ("BackwardFilter", DeterministicKernel, image, result, kernel),
        };
        nuint room;
        var size = $"cudnnGetConvolution{name}WorkspaceSize";
        var code = ((delegate* unmanaged<nint, nint, nint, nint, nint, int, nuint*, int>)Entry(size))(_handle, first, second, convolution, made, algorithm, &room);
        if (code is NotSupported8 or (>= NotSupported9 and < NotSupportedEnd))
        {
            return null;
        }

        Check(size, code);
        var call = $"cudnnConvolution{name}";
        var bytes = room;
        return new ConvolutionWork((long)bytes, (places, workspace, stream) =>
        {
            On(stream);
            var (x, y, to) = problem.Pass switch
            {
                ConvolutionPass.Forward => (places.Image, places.Kernel, places.Result),
                ConvolutionPass.Image => (places.Kernel, places.Result, places.Image),
                ConvolutionPass.Kernel => (places.Image, places.Result, places.Kernel),
            };
            var (one, zero, single, none) = (1.0, 0.0, 1.0f, 0.0f);
            var isDouble = problem.Type == DType.Float64;
            Check(call, ((delegate* unmanaged<nint, void*, nint, ulong, nint, ulong, nint, int, ulong, nuint, void*, nint, ulong, int>)Entry(call))(
                _handle, isDouble ? &one : &single, first, x, second, y, convolution, algorithm, workspace, bytes, isDouble ? &zero : &none, made, to));
        });
    }

    private nint Tensor(int type, Axes sizes, Axes steps)
    {
        var tensor = Made("cudnnCreateTensorDescriptor");
        fixed (int* size = sizes.Values, step = steps.Values)
        {
            Check("cudnnSetTensorNdDescriptor", ((delegate* unmanaged<nint, int, int, int*, int*, int>)Entry("cudnnSetTensorNdDescriptor"))(tensor, type, sizes.Count, size, step));
        }

        return tensor;
    }

    private void On(nint stream)
    {
        if (stream != _stream)
        {
            Check("cudnnSetStream", ((delegate* unmanaged<nint, nint, int>)Entry("cudnnSetStream"))(_handle, stream));
            _stream = stream;
        }
    }

    private nint Made(string call)
    {
        nint made;
        Check(call, ((delegate* unmanaged<nint*, int>)Entry(call))(&made));
        return made;
    }

    // The type of elements, and that of sums.
    private static (int Type, int Compute) Code(DType type) => type switch
    {
        DType.Float32 => (0, 0),
        DType.Float64 => (1, 1),
        DType.Float16 => (2, 0),
        DType.BFloat16 => (9, 0),
        DType.Bool or DType.Int32 or DType.Int64 => throw new ArgumentException($"cuDNN does not convolve {type.Name()} here."),
    };

    private nint Entry(string name) => NativeLibrary.TryGetExport(_library, name, out var entry)
        ? entry
        : throw new CudaException($"The library {Name} has no {name}: it is not cuDNN 8 or 9. Install one of these.");

    private static void Check(string call, int code)
    {
        if (code != 0)
        {
            throw new CudaException($"{call} failed with status {code.ToString(CultureInfo.InvariantCulture)}. Reinstall cuDNN, or take it away: kernels of our own do without.", code);
        }
    }
}
