using System.Text;
using Xunit;

namespace Shell;

public sealed class ExecutableTests : IDisposable
{
    private static readonly string[] Short = ["train", "--epochs", "2", "--batch", "64", "--hidden", "16"];
    private readonly Scratch _scratch = new();

    public void Dispose() => _scratch.Dispose();

    private async Task Refused(int exitCode, string message, params string[] arguments)
    {
        var before = _scratch.Files;
        var ended = await Executable.Run(_scratch, arguments);
        Assert.Equal(message, ended.Errors.Replace(_scratch.Folder + Path.DirectorySeparatorChar, "", StringComparison.Ordinal));
        Assert.Equal(exitCode, ended.ExitCode);
        Assert.Equal(before, _scratch.Files);
    }

    [Theory]
    [InlineData("--help")]
    [InlineData("train --help")]
    [InlineData("modes --help")]
    [InlineData("gradcheck --help")]
    [InlineData("--version")]
    public async Task Help_and_version_go_to_the_output(string line)
    {
        var ended = await Executable.Run(_scratch, line.Split(' '));
        Assert.Equal((0, ""), (ended.ExitCode, ended.Errors));
        Assert.NotEmpty(ended.Output);
    }

    [Fact]
    public Task An_unknown_verb_is_named() =>
        Refused(64, "There is no verb 'predict'; the verbs are train, modes, gradcheck, doctor, search and devices.", "predict");

    [Fact]
    public Task A_device_of_no_known_kind_is_named() =>
        Refused(78, "--device (Train:Device) is tpu, but must be cpu, cuda, or cuda: and a number, or numbers such as cuda:0,1.", "train", "--device", "tpu");

    [Fact]
    public async Task Devices_are_listed_with_what_is_missing()
    {
        var ended = await Executable.Run(_scratch, "devices");
        Assert.Equal((0, ""), (ended.ExitCode, ended.Errors));
        Assert.Contains($"cpu: {Environment.ProcessorCount} processors", ended.Output, StringComparison.Ordinal);
        Assert.Matches("driver: (none|knows CUDA [0-9.]+)", ended.Output);
        Assert.Contains("compiler: ", ended.Output, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("devices", "--threads", "3")]
    [InlineData("--threads", "3", "devices")]
    public async Task Threads_are_as_many_as_asked_for(params string[] arguments)
    {
        var ended = await Executable.Run(_scratch, arguments);
        Assert.Equal((0, ""), (ended.ExitCode, ended.Errors));
        Assert.Contains("of which programs use 3", ended.Output, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("0")]
    [InlineData("1025")]
    [InlineData("-1")]
    public Task A_number_of_threads_that_cannot_be_is_named(string threads) =>
        Refused(78, $"--threads (Threads) is {threads}, but must be a whole number from 1 to 1024.", "gradcheck", "--threads", threads);

    [Theory]
    [InlineData("devices")]
    [InlineData("--threads", "2", "devices", "--blas", "none")]
    [InlineData("--blas", "auto", "--threads", "2", "devices")]
    [InlineData("devices", "--blas=AUTO")]
    public async Task What_multiplies_matrices_is_said(params string[] arguments)
    {
        var ended = await Executable.Run(_scratch, arguments);
        Assert.Equal((0, ""), (ended.ExitCode, ended.Errors));
        Assert.Contains("cpu matrix products: kernels of our own", ended.Output, StringComparison.Ordinal);
        var isAuto = string.Concat(arguments).Contains("auto", StringComparison.OrdinalIgnoreCase);
        Assert.Equal(isAuto, ended.Output.Contains("whichever is measured faster", StringComparison.Ordinal) || ended.Output.Contains("none of MKL", StringComparison.Ordinal));
    }

    [Fact]
    public Task A_library_of_products_that_is_not_there_is_named() => Refused(
        78,
        "The BLAS library nowhere/libnothing.so.9 was not found, or something that it needs was not. Name another in FUNCTIONAL_BLAS (Device.CpuBlas, --blas), or none.",
        "gradcheck",
        "--blas",
        "nowhere/libnothing.so.9");

    [Fact]
    public Task An_unknown_option_is_named() =>
        Refused(64, "train has no option '--epoch'. Did you mean '--epochs'? 'ad-host train --help' lists its options.", "train", "--epoch", "3");

    [Fact]
    public Task A_value_of_the_wrong_kind_is_named() =>
        Refused(64, "'--batch' must be followed by <size>, but was 'many'.", "train", "--batch", "many");

    [Theory]
    [InlineData("NaN", "NaN")]
    [InlineData("Infinity", "Infinity")]
    [InlineData("-0.5", "-0.5")]
    public Task A_learning_rate_that_is_none_is_named(string given, string shown) =>
        Refused(
            78,
            $"--learning-rate (Train:LearningRate) is {shown}, but must be a number above 0 and at most 1000.",
            "train",
            "--learning-rate",
            given);

    [Fact]
    public Task A_missing_data_file_is_named() =>
        Refused(65, "The data file no.csv does not exist.", "train", "--data", "no.csv");

    [Fact]
    public async Task A_truncated_data_file_is_named()
    {
        var whole = File.ReadAllBytes(_scratch.Pack("d.csv.gz", Encoding.UTF8.GetBytes("1,2,0\n3,4,1\n5,6,0\n")));
        _scratch.Write("d.csv.gz", whole[..^5]);
        await Refused(65, "d.csv.gz is truncated or damaged: its compressed data cannot be unpacked.", "train", "--data", "d.csv.gz");
        _scratch.Write("r.csv", "1,2,0\n3,4,1\n5,");
        await Refused(65, "r.csv has 2 columns on line 3, but 3 above it.", "train", "--data", "r.csv");
    }

    [Fact]
    public Task A_checkpoint_that_is_not_there_is_named() =>
        Refused(
            65,
            "There is no checkpoint digits.checkpoint.safetensors to go on from; without --resume a run starts anew.",
            "train",
            "--resume");

    [Fact]
    public async Task A_damaged_checkpoint_is_named()
    {
        _scratch.Write("digits.checkpoint.safetensors", "not what it should be");
        var ended = await Executable.Run(_scratch, "train", "--resume");
        Assert.Equal(65, ended.ExitCode);
        Assert.Contains("digits.checkpoint.safetensors", ended.Errors, StringComparison.Ordinal);
        Assert.DoesNotContain('\n', ended.Errors);
    }

    [Fact]
    public async Task A_diverging_run_says_where_and_leaves_no_parameters()
    {
        var ended = await Executable.Run(_scratch, "train", "--optimizer", "sgd", "--learning-rate", "1000", "--weight-decay", "1", "--dropout", "0");
        Assert.Equal(70, ended.ExitCode);
        Assert.Contains("--learning-rate 1000; try a smaller one.", ended.Errors, StringComparison.Ordinal);
        Assert.Equal(["digits.checkpoint.safetensors"], _scratch.Files);
    }

    [Fact]
    public async Task Files_environment_and_command_line_configure_in_that_order()
    {
        _scratch.Write("appsettings.json", """{ "Train": { "Epochs": 0, "Batch": 0 } }""");
        Task<Ended> Run(params string[] arguments) => Executable.Run(_scratch, [("AD_Train__Batch", "-1")], null, arguments);

        var two = (await Run("train")).Errors.Split('\n');
        Assert.Equal(
            ["--batch (Train:Batch) is -1", "--epochs (Train:Epochs) is 0"],
            two.Select(line => line.Split(',')[0]).Order(StringComparer.Ordinal));
        var ended = await Run("train", "--batch", "-2", "--epochs", "1");
        Assert.Equal("--batch (Train:Batch) is -2, but must be a number at least 1 and at most 1000000.", ended.Errors);
        Assert.Equal(78, ended.ExitCode);
    }

    [Fact]
    public async Task Misspelt_and_unreadable_configuration_is_refused()
    {
        _scratch.Write("appsettings.json", """{ "Train": { "Epocs": 3 } }""");
        await Refused(78, "There is no option Train:Epocs. Did you mean 'Epochs'?", "train");
        _scratch.Write("appsettings.json", """{ "Train": { "Epochs": "many" } }""");
        await Refused(78, "Failed to convert configuration value 'many' at 'Train:Epochs' to type 'System.Int32'.", "train");
        _scratch.Write("appsettings.json", "{ ");
        var ended = await Executable.Run(_scratch, "train");
        Assert.Equal(78, ended.ExitCode);
        Assert.Contains("appsettings.json cannot be read", ended.Errors, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_terminated_run_saves_and_goes_on_to_the_same_bits()
    {
        using var other = new Scratch();
        string[] arguments = ["train", "--epochs", "6", "--hidden", "16"];
        var whole = await Executable.Run(other, arguments);
        Assert.Equal((0, ""), (whole.ExitCode, whole.Errors));

        var stopped = await Executable.Run(_scratch, [], "epoch 2/6", arguments);
        Assert.Equal((0, ""), (stopped.ExitCode, stopped.Errors));
        Assert.Contains("--resume goes on from there", stopped.Output, StringComparison.Ordinal);
        Assert.Equal(["digits.checkpoint.safetensors"], _scratch.Files);

        var resumed = await Executable.Run(_scratch, "--resume");
        Assert.Equal((0, ""), (resumed.ExitCode, resumed.Errors));
        Assert.Equal(File.ReadAllBytes(other["digits.safetensors"]), File.ReadAllBytes(_scratch["digits.safetensors"]));
        Assert.Equal(File.ReadAllBytes(other["digits.checkpoint.safetensors"]), File.ReadAllBytes(_scratch["digits.checkpoint.safetensors"]));
        Assert.Equal(Result(whole), Result(resumed));

        var again = await Executable.Run(_scratch, "--resume");
        Assert.Contains("holds a finished run of 6 epochs", again.Output, StringComparison.Ordinal);
        Assert.Equal(Result(whole), Result(again));
    }

    [Fact]
    public async Task Training_writes_parameters_and_says_how_good_they_are()
    {
        var ended = await Executable.Run(_scratch, [.. Short, "--output", "m.safetensors"]);
        Assert.Equal((0, ""), (ended.ExitCode, ended.Errors));
        Assert.Contains("test accuracy ", ended.Output, StringComparison.Ordinal);
        Assert.Contains("epoch 2/2  loss ", ended.Output, StringComparison.Ordinal);
        Assert.Equal(["m.checkpoint.safetensors", "m.safetensors"], _scratch.Files);
        Assert.DoesNotContain('\u001b', ended.Output);
    }

    [Fact]
    public async Task The_parameters_alone_classify_as_well_as_the_program_said()
    {
        await Executable.Run(_scratch, "train", "--epochs", "3", "--hidden", "32", "--quiet");
        var (list, metadata) = Ad.Tensors.Safetensors.Read(_scratch["digits.safetensors"]);
        var tensors = list.ToDictionary(t => t.Key, t => t.Value.Elements<float>().ToArray());
        var test = Ad.Host.DataSource.Open(null).Test;

        float[] Layer(float[] x, string layer)
        {
            var (weights, sums) = (tensors[$"{layer}.Weights"], (float[])tensors[$"{layer}.Bias"].Clone());
            for (var i = 0; i < x.Length; i++)
            {
                for (var j = 0; j < sums.Length; j++)
                {
                    sums[j] += x[i] * weights[(i * sums.Length) + j];
                }
            }

            return sums;
        }

        bool Hit(int row)
        {
            var x = test.Inputs.Skip(row * 64).Take(64).Select((p, i) => (p - tensors["scaling.offset"][i]) * tensors["scaling.factor"][i]).ToArray();
            var scores = Layer([.. Layer(x, "0").Select(h => Math.Max(h, 0))], "1");
            return scores.IndexOf(scores.Max()) == test.Labels[row];
        }

        var share = Enumerable.Range(0, test.Count).Count(Hit) / (double)test.Count;
        Assert.Equal(double.Parse(metadata["test_accuracy"], System.Globalization.CultureInfo.InvariantCulture), share, 0.003);
        Assert.True(share > 0.8);
    }

    [Fact]
    public async Task Gradcheck_tries_the_laws_and_writes_its_reports()
    {
        var ended = await Executable.Run(_scratch, "gradcheck", "--cases", "3", "--operation", "sin", "--operation", "contract", "--json", "r.json");
        Assert.Equal((0, ""), (ended.ExitCode, ended.Errors));
        Assert.Contains("0 fail, over 2 operations", ended.Output, StringComparison.Ordinal);
        await Refused(
            78,
            "--operation names 'sni', but there is no such operation. Did you mean 'sin'?",
            "gradcheck",
            "--operation",
            "sni");
    }

    [Fact]
    public async Task A_terminated_gradcheck_has_kept_every_program_and_goes_on()
    {
        string[] arguments = ["gradcheck", "--programs", "12", "--state", "soak.json"];
        var stopped = await Executable.Run(_scratch, [], "checked 1 of 12 programs", [.. arguments, "--minutes", "5"]);
        Assert.Equal((0, ""), (stopped.ExitCode, stopped.Errors));
        Assert.Contains("the same command goes on from there", stopped.Output, StringComparison.Ordinal);
        var kept = Ad.Host.SoakFile.Read(_scratch["soak.json"], 1);
        Assert.InRange(kept.Programs, 1, 11);
        var whole = await Executable.Run(_scratch, arguments);
        Assert.Equal((0, ""), (whole.ExitCode, whole.Errors));
        Assert.Contains("0 fail, over 12 random programs from seed 1", whole.Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A151_the_doctor_says_that_digits_can_be_learned_and_draws_filters()
    {
        var ended = await Executable.Run(_scratch, "doctor", "--hidden", "32", "--epochs", "2", "--filters", "f.pgm");
        Assert.Equal((0, ""), (ended.ExitCode, ended.Errors));
        Assert.Contains("16 examples are learned in ", ended.Output, StringComparison.Ordinal);
        Assert.Contains("times a tenth of outputs times examples: it may overfit", ended.Output, StringComparison.Ordinal);
        Assert.Contains("nothing is wrong that shows here", ended.Output, StringComparison.Ordinal);
        var picture = Ad.Host.Picture.Read("f.pgm", File.ReadAllBytes(_scratch["f.pgm"]));

        // 32 filters of 8 by 8, six across, with lines between.
        Assert.Equal((6 * 9, 6 * 9), (picture.Height, picture.Width));
    }

    [Fact]
    public async Task A151_A152_what_cannot_be_learned_is_told_with_another_exit_code()
    {
        // The same features with either class: nothing can tell them apart.
        var same = string.Concat(Enumerable.Range(0, 60).Select(i => $"1,{i % 2}\n"));
        var ended = await Executable.Run(_scratch, "doctor", "--data", _scratch.Write("same.csv", same), "--hidden", "8", "--steps", "200", "--epochs", "4");
        Assert.Equal(2, ended.ExitCode);
        Assert.Contains("labels contradict each other", ended.Output, StringComparison.Ordinal);
        Assert.Contains("finding   Collapse: the best loss, 0.69", ended.Output, StringComparison.Ordinal);
        Assert.Contains("try checking the gradients", ended.Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_search_tries_what_it_is_asked_and_names_the_best()
    {
        var ended = await Executable.Run(
            _scratch, "search", "--method", "grid", "--trials", "2", "--folds", "2", "--epochs", "1", "--hidden", "8", "--dropout", "0.1", "--csv", "s.csv");
        Assert.Equal((0, ""), (ended.ExitCode, ended.Errors));
        var rows = File.ReadAllLines(_scratch["s.csv"]);
        Assert.Equal("learning-rate,weight-decay,loss", rows[0]);
        Assert.Equal(["0.0001,0.0001", "0.0001,0.1", "0.1,0.0001", "0.1,0.1"], rows[1..].Select(r => r[..r.LastIndexOf(',')]));
        var best = rows[1..].Min(r => double.Parse(r[(r.LastIndexOf(',') + 1)..], System.Globalization.CultureInfo.InvariantCulture));
        Assert.Contains(string.Create(System.Globalization.CultureInfo.InvariantCulture, $"best: loss {best:0.0000} with --dropout 0.1"), ended.Output, StringComparison.Ordinal);
        await Refused(78, "--dropout (Search:Dropout) is 0..2, but must be a number from 0 to 0.99, or two such as 0.001..0.1.", "search", "--dropout", "0..2");
    }

    [Fact]
    public async Task Quiet_shows_the_result_only()
    {
        var ended = await Executable.Run(_scratch, [.. Short, "--quiet"]);
        Assert.DoesNotContain("epoch ", ended.Output, StringComparison.Ordinal);
        Assert.Contains("test accuracy ", ended.Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Modes_compares_and_writes_its_files()
    {
        var ended = await Executable.Run(_scratch, "modes", "--inputs", "16", "--repeats", "1", "--svg", "m.svg", "--csv", "m.csv");
        Assert.Equal((0, ""), (ended.ExitCode, ended.Errors));
        var rows = File.ReadAllLines(_scratch["m.csv"])[1..].Select(l => l.Split(',')).ToArray();
        Assert.Equal(["1", "2", "4", "8", "16"], rows.Select(r => r[1]));
        Assert.All(rows, r => Assert.Equal("1", r[4]));
        Assert.Equal(["m.csv", "m.svg"], _scratch.Files);
    }

    private static string Result(Ended ended) =>
        ended.Output.Split('\n').Single(l => l.StartsWith("test accuracy", StringComparison.Ordinal));
}
