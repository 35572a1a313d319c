using System.Runtime.InteropServices;
using System.Security.Cryptography;

namespace Ad.Host;

/// <summary>The examples to train with and those held out to test with.</summary>
public sealed class DataSplit
{
    private DataSplit(DataSet train, DataSet test) =>
        (Train, Test, Fingerprint) = (train, test, FingerprintOf(train, test));

    /// <summary>What to train with.</summary>
    public DataSet Train { get; }

    /// <summary>What to test with; never trained with.</summary>
    public DataSet Test { get; }

    /// <summary>A hash of every number: another data set has another one.</summary>
    public string Fingerprint { get; }

    /// <summary>Keeps a split that somebody else made.</summary>
    public static DataSplit Given(DataSet train, DataSet test)
    {
        ArgumentNullException.ThrowIfNull(train);
        ArgumentNullException.ThrowIfNull(test);
        if (train.Features != test.Features)
        {
            throw ShellException.BadData(
                $"The {train.Name} training examples have {train.Features} features, but the test examples have {test.Features}.");
        }

        var classes = Math.Max(train.Classes, test.Classes);
        return new DataSplit(WithClasses(train, classes), WithClasses(test, classes));
    }

    /// <summary>
    /// Holds out a fifth, the same share of each class: the rows, class by class and shuffled within each, and of those every
    /// fifth. Only the data decides it, so that results with different seeds can be compared.
    /// </summary>
    public static DataSplit Fifth(DataSet all)
    {
        ArgumentNullException.ThrowIfNull(all);
        if (all.Count < 2)
        {
            throw ShellException.BadData($"The {all.Name} data has {all.Count} row; it takes two to train and to test.");
        }

        var (train, test) = Hold(all, 0.2);
        return new DataSplit(train, test);
    }

    /// <summary>Rows to keep and a share of them to hold out, the same of each class; only the data decides which.</summary>
    public static (DataSet Kept, DataSet Held) Hold(DataSet all, double share)
    {
        ArgumentNullException.ThrowIfNull(all);
        var rows = SplitMix.Order(all.Count).OrderBy(row => all.Labels[row]).ToArray();

        // Places 0, 5, 10, ... for a fifth: one wherever the count of those due passes a whole number.
        bool IsHeld(int place) => Math.Ceiling(Math.Round((place + 1) * share, 9)) > Math.Ceiling(Math.Round(place * share, 9));
        return (
            all.Rows([.. rows.Where((_, place) => !IsHeld(place)).Order()]),
            all.Rows([.. rows.Where((_, place) => IsHeld(place)).Order()]));
    }

    private static DataSet WithClasses(DataSet data, int classes) =>
        data.Classes == classes ? data : new DataSet(data.Name, data.Features, classes, data.Inputs, data.Labels, data.Example);

    private static string FingerprintOf(params ReadOnlySpan<DataSet> parts)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        foreach (var part in parts)
        {
            hash.AppendData(MemoryMarshal.AsBytes([part.Features, part.Classes, part.Count]));
            hash.AppendData(MemoryMarshal.AsBytes(part.Inputs.AsSpan()));
            hash.AppendData(MemoryMarshal.AsBytes(part.Labels.AsSpan()));
        }

        return Convert.ToHexStringLower(hash.GetHashAndReset())[..16];
    }
}
