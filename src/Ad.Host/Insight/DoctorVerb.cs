using System.Globalization;
using Ad.Functional;
using Ad.Functional.CSharp;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Options;
using Spectre.Console;

namespace Ad.Host;

/// <summary>
/// Examines what is to be trained: data, size, first values, learning rates, whether a few examples can be learned by heart, the noise of gradients, and the
/// losses of a short run; says what it finds and what to try.
/// </summary>
public sealed class DoctorVerb(IOptions<DoctorOptions> options, IAnsiConsole console) : IVerb
{
    private readonly DoctorOptions _options = options.Value;
    private bool _isUnwell;

    /// <inheritdoc/>
    public int Run(CancellationToken stopping)
    {
        var raw = DataSource.Open(_options.Data);
        var scaling = Scaling.Of(raw.Train);
        var data = DataSplit.Given(scaling.Apply(raw.Train), scaling.Apply(raw.Test));
        var examination = new Examination(_options, data);

        Size(raw, examination);
        Values(examination);
        stopping.ThrowIfCancellationRequested();
        var rate = Rates(examination, stopping);
        Overfit(examination, rate);
        Noise(examination);
        stopping.ThrowIfCancellationRequested();
        Trial(examination, _options.LearningRate > 0 ? _options.LearningRate : rate, stopping);
        Say(_isUnwell ? "something is wrong: see above" : "nothing is wrong that shows here");
        return _isUnwell ? ExitCodes.Unwell : ExitCodes.Done;
    }

    private void Size(DataSplit data, Examination examination)
    {
        var parameters = examination.Parameters();
        var ratio = Doctor.SizeRatio(parameters, data.Train.Classes, data.Train.Count);
        Say($"data      {data.Train.Count:N0} examples of {string.Join(" x ", data.Train.Example)} in {data.Train.Classes} classes, {examination.Constant} features constant");
        Say($"chance    a guess without looking has a loss of {examination.Chance:0.000}");
        Say($"size      {parameters:N0} parameters, {ratio:0.##} times a tenth of outputs times examples{(ratio > 1 ? ": it may overfit" : "")}");
    }

    private void Values(Examination examination)
    {
        foreach (var (part, found) in examination.FirstValues())
        {
            var complaints = Learners.Complaints(found);
            if (complaints.Length > 0)
            {
                Say($"at first  {part}: {string.Join("; ", complaints)}");
            }
        }
    }

    private double Rates(Examination examination, CancellationToken stopping)
    {
        var trials = new List<RateTrial>();
        foreach (var trial in examination.Rates())
        {
            stopping.ThrowIfCancellationRequested();
            trials.Add(trial);
        }

        var best = Examination.Best(trials);
        var stable = trials.Where(t => double.IsFinite(t.Loss)).Select(t => t.Rate).DefaultIfEmpty(double.NaN).Max();
        Say($"rates     {string.Join("  ", trials.Select(t => $"{t.Rate:0.#####}: {(double.IsFinite(t.Loss) ? t.Loss.ToString("0.000", CultureInfo.InvariantCulture) : "diverges")}"))}");
        Say($"rate      {best.Rate:0.#####} to begin with; above {stable:0.#####} it diverges");
        return best.Rate;
    }

    private void Overfit(Examination examination, double rate)
    {
        // By heart a rate that is good for a run may be too large.
        var (loss, steps) = new[] { rate, rate / 3, rate / 10 }.Select(examination.Overfit).MinBy(found => found.Loss < 1e-3 ? 0 : found.Loss);
        var learned = loss < 1e-3;
        _isUnwell |= !learned;
        Say(learned
            ? $"by heart  {_options.Examples} examples are learned in {steps} steps"
            : $"by heart  {_options.Examples} examples still have a loss of {loss:0.####} after {steps} steps: model, loss or gradients are wrong, or labels contradict each other");
    }

    private void Noise(Examination examination)
    {
        var noise = examination.Noise();
        Say(double.IsFinite(noise.Batch)
            ? $"noise     at first a batch of {Math.Max(1, noise.Batch):0} has as much signal as noise"
            : "noise     at first single gradients show no signal");
    }

    private void Trial(Examination examination, double rate, CancellationToken stopping)
    {
        var (training, validation, state) = examination.Trial(rate, stopping);
        Say($"run       with rate {rate:0.#####}: training loss {Numbers(training)}");
        Say($"          held-out loss {Numbers(validation)}");
        var findings = Learners.Examine(training, validation, examination.Chance, _options.Target);
        foreach (var finding in findings)
        {
            _isUnwell |= finding.Complaint.IsDivergence || finding.Complaint.IsCollapse;
            Say($"finding   {finding.Complaint}: {finding.Evidence}");
            Say($"          try {string.Join("; or ", finding.Advice)}");
        }

        if (_options.Filters is { } file)
        {
            Draw(examination, state, file);
        }
    }

    private void Draw(Examination examination, Learner state, string file)
    {
        var picture = examination.Filters(state)
            ?? throw ShellException.BadOption("--filters (Doctor:Filters) draws first weights that are pictures, and these are none.");
        File.WriteAllBytes(file, Picture.Pgm(picture.Shape[0], picture.Shape[1], [.. picture.ToArray<float>().Select(x => (double)x)]));
        Say($"filters   drawn into {file}");
    }

    private static string Numbers(double[] numbers) =>
        string.Join(", ", numbers.Select(n => n.ToString("0.000", CultureInfo.InvariantCulture)));

    private void Say(FormattableString line) => console.WriteLine(line.ToString(CultureInfo.InvariantCulture));

    private void Say(string line) => console.WriteLine(line);
}

/// <summary>Registers the doctor.</summary>
public static class DoctorServices
{
    /// <summary>Examines what is to be trained.</summary>
    public static void AddDoctor(this IHostApplicationBuilder builder)
    {
        ArgumentNullException.ThrowIfNull(builder);
        builder.Services.AddVerbOptions<DoctorOptions, DoctorOptionsValidator>(DoctorOptions.Section);
        builder.Services.AddSingleton<IVerb, DoctorVerb>();
    }
}
