namespace Ad.Host;

/// <summary>
/// Reads the binary batches of CIFAR-10 and CIFAR-100 (Krizhevsky, 2009): a record is one label byte (CIFAR-100: a coarse and a fine one), then 1,024
/// bytes each of red, green and blue, row by row.
/// </summary>
public static class Cifar
{
    private const int Pixels = 3 * 32 * 32;

    /// <summary>Whether a folder holds such batches.</summary>
    public static bool IsIn(string folder) => Files(folder, "data_batch_*.bin").Length > 0 || Files(folder, "train.bin").Length > 0;

    /// <summary>The examples to train with and, where the folder has them, those to test with; pixels stay between 0 and 255.</summary>
    /// <exception cref="ShellException">Files are missing or damaged.</exception>
    public static (DataSet Train, DataSet? Test) Read(string name, string folder)
    {
        var batches = Files(folder, "data_batch_*.bin");
        var (train, test, labels, classes) = batches.Length > 0
            ? (batches, Files(folder, "test_batch.bin"), 1, 10)
            : (Files(folder, "train.bin"), Files(folder, "test.bin"), 2, 100);

        return (Records(name, train, labels, classes), test.Length == 0 ? null : Records(name, test, labels, classes));
    }

    private static DataSet Records(string name, string[] files, int labelBytes, int classes)
    {
        var record = labelBytes + Pixels;
        var inputs = new List<float>();
        var labels = new List<int>();

        foreach (var file in files)
        {
            var bytes = DataFile.Read(file);
            if (bytes.Length % record != 0)
            {
                throw ShellException.BadData($"{file} is truncated or damaged: {bytes.Length} bytes are not whole records of {record}.");
            }

            for (var at = 0; at < bytes.Length; at += record)
            {
                // The last label byte is the class: CIFAR-100's fine one.
                var label = bytes[at + labelBytes - 1];
                if (label >= classes)
                {
                    throw ShellException.BadData($"{file} has the label {label} in record {at / record}, but there are {classes} classes.");
                }

                labels.Add(label);
                for (var i = at + labelBytes; i < at + record; i++)
                {
                    inputs.Add(bytes[i]);
                }
            }
        }

        return new DataSet(name, Pixels, classes, [.. inputs], [.. labels], [3, 32, 32]);
    }

    private static string[] Files(string folder, string pattern) => [.. Directory.GetFiles(folder, pattern).Order(StringComparer.Ordinal)];
}
