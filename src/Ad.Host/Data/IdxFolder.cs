namespace Ad.Host;

/// <summary>Finds the four files of MNIST, or of a data set laid out like it, in a folder.</summary>
public static class IdxFolder
{
    /// <summary>The examples to train with and, where the folder has them, those to test with.</summary>
    /// <exception cref="ShellException">Files are missing or damaged.</exception>
    public static (DataSet Train, DataSet? Test) Read(string name, string folder)
    {
        var train = Idx.Read(name, Find(folder, "train", "images-idx3"), Find(folder, "train", "labels-idx1"));
        string[] names = ["t10k", "test"];
        var test = names.FirstOrDefault(part => Candidates(folder, part, "images-idx3").Length > 0);

        return test is null
            ? (train, null)
            : (train, Idx.Read(name, Find(folder, test, "images-idx3"), Find(folder, test, "labels-idx1")));
    }

    private static string Find(string folder, string part, string kind) => Candidates(folder, part, kind) switch
    {
        [var only] => only,
        [] => throw ShellException.BadData($"The folder {folder} has no file {part}-{kind}-ubyte or {part}-{kind}-ubyte.gz."),
        [var first, var second, ..] => throw ShellException.BadData(
            $"The folder {folder} has both {Path.GetFileName(first)} and {Path.GetFileName(second)}; one of them must go."),
    };

    // EMNIST puts its name before the part; some copies write a dot instead of the dash before idx. The unpacked file wins.
    private static string[] Candidates(string folder, string part, string kind)
    {
        var files = Directory.GetFiles(folder)
            .Where(f => Path.GetFileName(f) is var file
                && file.Replace('.', '-').Contains($"{part}-{kind}", StringComparison.OrdinalIgnoreCase))
            .Order(StringComparer.Ordinal)
            .ToArray();

        return [.. files.Where(f => !f.EndsWith(".gz", StringComparison.OrdinalIgnoreCase) || !files.Contains(f[..^3]))];
    }
}
