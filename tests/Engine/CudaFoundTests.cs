using Ad.Tensors.Cuda;
using HostCuda;
using Xunit;

namespace Engine;

/// <summary>What is said where something is missing, and what is kept on disk.</summary>
public sealed class CudaFoundTests
{
    private static readonly CudaFacts Facts = new("Host", 9, 0, 132, 1L << 36);

    private static CudaDevices.Found Look(ICudaDriver? driver, ICudaCompiler? compiler) => CudaDevices.Look(() => driver, _ => compiler);

    private static string Problem(CudaDevices.Found found, int ordinal = 0) =>
        Assert.Throws<CudaException>(() => found.Device(ordinal)).Message;

    [Fact]
    public void Without_a_driver_the_error_says_what_to_install()
    {
        var found = Look(null, new Counting());
        Assert.StartsWith("The device cuda:0 cannot be used. There is no NVIDIA driver:", Problem(found), StringComparison.Ordinal);
        Assert.Contains("driver: none", found.ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public void A_driver_without_a_device_is_said_to_have_none() =>
        Assert.Contains("There is no NVIDIA device that this process may use.", Problem(Look(new HostDriver { Devices = 0 }, new Counting())), StringComparison.Ordinal);

    [Fact]
    public void A_driver_that_does_not_start_says_why()
    {
        var found = CudaDevices.Look(() => throw CudaException.Of("cuInit", 803), _ => new Counting());
        Assert.Contains("cuInit failed with code 803: the kernel driver and libcuda are of different versions.", Problem(found), StringComparison.Ordinal);
    }

    [Fact]
    public void A_driver_that_is_too_old_is_named_with_its_version() =>
        Assert.Contains("The NVIDIA driver knows CUDA 10.2, and this library needs 11.4.", Problem(Look(new HostDriver { Version = 10020 }, new Counting())), StringComparison.Ordinal);

    [Fact]
    public void Without_a_compiler_the_error_says_where_it_was_looked_for() =>
        Assert.Contains("NVRTC of CUDA 12 or older, was not found", Problem(Look(new HostDriver(), null)), StringComparison.Ordinal);

    [Theory]
    [InlineData(11040, 11)]
    [InlineData(12090, 12)]
    [InlineData(13000, 13)]
    public void Compiler_and_libraries_are_of_a_major_version_that_the_driver_runs(int driver, int newest)
    {
        var asked = new List<int>();
        var found = CudaDevices.Look(
            () => new HostDriver { Version = driver },
            most =>
            {
                asked.Add(most);
                return new Counting();
            },
            most =>
            {
                asked.Add(most);
                return new CudaLibraries();
            });
        found.Device(0);
        Assert.Equal([newest, newest], asked);
        var names = NativePlaces.Candidates("nvrtc", newest).ToArray();
        Assert.Equal(newest >= 13, names.Any(n => n.Contains("so.13", StringComparison.Ordinal) || n.Contains("_130", StringComparison.Ordinal)));
        Assert.Equal(newest >= 12, names.Any(n => n.Contains("so.12", StringComparison.Ordinal) || n.Contains("_120", StringComparison.Ordinal)));
    }

    [Theory]
    [InlineData(2)]
    [InlineData(-1)]
    public void A_device_that_is_not_there_is_refused(int ordinal) =>
        Assert.Equal($"There is no device cuda:{ordinal}: this machine has 2, counted from 0.", Problem(Look(new HostDriver { Devices = 2 }, new Counting()), ordinal));

    [Fact]
    public void What_was_found_is_said_a_line_each() => Assert.Equal(
        "driver: knows CUDA 12.4\ncompiler: counting\nmatrix products: kernels of our own\nconvolutions: kernels of our own\ndecompositions: the host\ncuda:0: Host, compute capability 9.0, 132 multiprocessors, 65536 MiB\n",
        Look(new HostDriver(), new Counting()).ToString());

    [Fact]
    public void What_was_compiled_once_is_found_on_disk_unless_it_is_damaged()
    {
        var folder = Directory.CreateTempSubdirectory("functional-cuda").FullName;
        try
        {
            var inner = new Counting();
            var first = new CachedCompiler(inner, folder).Compile("source", Facts);
            var again = new CachedCompiler(inner, folder);
            Assert.Equal(first, again.Compile("source", Facts));
            Assert.Equal((1, 1L), (inner.Times, again.Hits));

            // Another source, another device and other options are something else.
            again.Compile("other", Facts);
            again.Compile("source", Facts with { Minor = 1 });
            Assert.Equal(3, inner.Times);
            var otherwise = new Counting { Options = "--fmad=true" };
            new CachedCompiler(otherwise, folder).Compile("source", Facts);
            Assert.Equal(1, otherwise.Times);

            foreach (var file in Directory.GetFiles(folder))
            {
                File.WriteAllBytes(file, File.ReadAllBytes(file)[..^1]);
            }

            Assert.Equal(first, new CachedCompiler(inner, folder).Compile("source", Facts));
            Assert.Equal(4, inner.Times);
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    [Fact]
    public void A_cache_that_cannot_be_written_is_done_without()
    {
        var file = Path.GetTempFileName();
        try
        {
            var inner = new Counting();
            var compiler = new CachedCompiler(inner, Path.Combine(file, "below"));
            Assert.Equal(compiler.Compile("source", Facts), compiler.Compile("source", Facts));
            Assert.Equal(2, inner.Times);
        }
        finally
        {
            File.Delete(file);
        }
    }

    private sealed class Counting : ICudaCompiler
    {
        public string Name => "counting";

        public string Options { get; init; } = "";

        public int Times { get; private set; }

        public byte[] Compile(string source, CudaFacts facts)
        {
            Times++;
            return [1, 2, (byte)source.Length];
        }
    }
}
