namespace Ad.Host;

/// <summary>Opens what --data names.</summary>
public static class DataSource
{
    private const string BuiltIn = "digits.csv.gz";

    /// <summary>
    /// The built-in digits for null; for a folder IDX files, CIFAR's batches or pictures; for a file an npz archive or a CSV table; with a part held out.
    /// </summary>
    /// <exception cref="ShellException">It is missing or damaged; the message names the file.</exception>
    public static DataSplit Open(string? path)
    {
        if (path is null)
        {
            return DataSplit.Fifth(Csv.Read("digits", BuiltIn, DataFile.Decode(Embedded(), BuiltIn)));
        }

        if (string.IsNullOrWhiteSpace(path))
        {
            throw ShellException.BadOption("--data (Train:Data) names no file.");
        }

        var name = Path.GetFileName(Path.TrimEndingDirectorySeparator(path)).Split('.')[0];
        if (!Directory.Exists(path))
        {
            return path.EndsWith(".npz", StringComparison.OrdinalIgnoreCase)
                ? Split(NpzData.Read(name, path))
                : DataSplit.Fifth(Csv.Read(name, path, DataFile.Read(path)));
        }

        return Split(
            Cifar.IsIn(path) ? Cifar.Read(name, path)
            : PictureFolder.IsIn(path) ? PictureFolder.Read(name, path)
            : IdxFolder.Read(name, path));
    }

    private static DataSplit Split((DataSet Train, DataSet? Test) read)
    {
        var (train, test) = read;
        return test is null ? DataSplit.Fifth(train) : DataSplit.Given(train, test);
    }

    private static byte[] Embedded()
    {
        using var stream = typeof(DataSource).Assembly.GetManifestResourceStream(BuiltIn)
            ?? throw new InvalidOperationException($"{BuiltIn} is not in the program.");
        using var bytes = new MemoryStream();
        stream.CopyTo(bytes);
        return bytes.ToArray();
    }
}
