using Ad.Host;
using Ad.Tensors;
using Xunit;

namespace Shell;

public sealed class CheckpointTests : IDisposable
{
    private readonly Scratch _scratch = new();

    public void Dispose() => _scratch.Dispose();

    private TrainOptions Options => new() { Output = _scratch["m.safetensors"], LearningRate = 0.1 + 0.2 };

    private string File => _scratch["m.checkpoint.safetensors"];

    private void Write() => Checkpoint.Write(
        Options,
        "print",
        new Position(2, 3, 0.1 + 0.7, 17, 40),
        [new("w", HostStorage.Copy<float>(new Shape(2), [1.5f, -0f])), new("n", HostStorage.Copy<long>(Shape.Scalar, [7]))]);

    [Fact]
    public void What_is_written_is_read()
    {
        Write();
        var read = Checkpoint.Read(File);
        Assert.Equal(new Position(2, 3, 0.1 + 0.7, 17, 40), read.Position);
        Assert.Equal([1.5f, -0f], read.Tensors["w"].Elements<float>().ToArray());
        Assert.Equal(7, read.Tensors["n"].Elements<long>()[0]);
        Assert.Equal("print", read.Fingerprint);
        read.Check(Options, "print");
        Assert.Equal(["m.checkpoint.safetensors"], _scratch.Files);
    }

    [Fact]
    public void A_damaged_file_is_refused_by_name()
    {
        Write();
        var whole = System.IO.File.ReadAllBytes(File);

        foreach (var damaged in new[] { [], whole[..7], whole[..(whole.Length / 2)], whole[..^1], [.. whole.Reverse()] })
        {
            System.IO.File.WriteAllBytes(File, damaged);
            var e = Assert.Throws<ShellException>(() => Checkpoint.Read(File));
            Assert.Equal(ExitCodes.Data, e.ExitCode);
            Assert.Contains(File, e.Message, StringComparison.Ordinal);
        }
    }

    [Fact]
    public void One_changed_bit_anywhere_is_noticed()
    {
        Write();
        var whole = System.IO.File.ReadAllBytes(File);

        for (var at = 0; at < whole.Length; at++)
        {
            byte[] changed = [.. whole];
            changed[at] ^= 1;
            System.IO.File.WriteAllBytes(File, changed);

            if (Record.Exception(() => Checkpoint.Read(File)) is { } e)
            {
                Assert.Equal(ExitCodes.Data, Assert.IsType<ShellException>(e).ExitCode);
            }
            else
            {
                // Only blanks between the header and the elements stand for nothing.
                Assert.Contains((char)whole[at], " !");
            }
        }
    }

    [Fact]
    public void A_missing_file_is_refused_by_name()
    {
        var e = Assert.Throws<ShellException>(() => Checkpoint.Read(File));
        Assert.Equal($"There is no checkpoint {File} to go on from; without --resume a run starts anew.", e.Message);
    }

    [Fact]
    public void A_file_of_parameters_is_no_checkpoint()
    {
        ParameterFile.Write(File, [new("w", HostStorage.Copy<float>(new Shape(1), [1]))], new Dictionary<string, string>());
        var e = Assert.Throws<ShellException>(() => Checkpoint.Read(File));
        Assert.Contains("is not a checkpoint", e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Numbers_that_are_not_finite_are_not_written()
    {
        var e = Assert.Throws<ShellException>(() => ParameterFile.Write(
            File, [new("w", HostStorage.Copy<double>(new Shape(1), [double.NaN]))], new Dictionary<string, string>()));
        Assert.Contains("w holds a number that is not finite", e.Message, StringComparison.Ordinal);
        Assert.Empty(_scratch.Files);
    }
}
