namespace Ad.Host;

/// <summary>
/// Reads folders of pictures: a folder for each class, its name the class's, all pictures of one size; or two such trees called train and test.
/// </summary>
public static class PictureFolder
{
    /// <summary>Whether a folder is one of classes, or has two such.</summary>
    public static bool IsIn(string folder) => Classes(folder).Length > 0 || Classes(Path.Combine(folder, "train")).Length > 0;

    /// <summary>The examples to train with and, where there is a folder test, those to test with; pixels stay between 0 and 255.</summary>
    /// <exception cref="ShellException">A picture is damaged, or has another size than those before; the message names it.</exception>
    public static (DataSet Train, DataSet? Test) Read(string name, string folder)
    {
        var train = Path.Combine(folder, "train");
        if (Classes(train).Length == 0)
        {
            return (Examples(name, folder, Classes(folder)), null);
        }

        var classes = Classes(train);
        var test = Path.Combine(folder, "test");
        return (Examples(name, train, classes), Classes(test).Length == 0 ? null : Examples(name, test, classes));
    }

    private static DataSet Examples(string name, string folder, string[] classes)
    {
        var inputs = new List<float>();
        var labels = new List<int>();
        Picture? first = null;

        foreach (var known in Classes(folder).Where(c => !classes.Contains(c)))
        {
            throw ShellException.BadData($"The folder {folder} has the class {known}, which there is none of to train with.");
        }

        for (var label = 0; label < classes.Length; label++)
        {
            var place = Path.Combine(folder, classes[label]);
            foreach (var file in Directory.Exists(place) ? Pictures(place) : [])
            {
                var picture = Picture.Read(file, DataFile.Read(file));
                first ??= picture;
                if ((picture.Channels, picture.Height, picture.Width) != (first.Channels, first.Height, first.Width))
                {
                    throw ShellException.BadData(
                        $"{file} has {picture.Channels} x {picture.Height} x {picture.Width} pixels, but those before it {first.Channels} x {first.Height} x {first.Width}.");
                }

                inputs.AddRange(picture.Pixels.Select(p => (float)p));
                labels.Add(label);
            }
        }

        return first is null
            ? throw ShellException.BadData($"The folder {folder} has no pictures.")
            : new DataSet(name, first.Pixels.Length, classes.Length, [.. inputs], [.. labels], [first.Channels, first.Height, first.Width]);
    }

    // Class folders by name; other folders, without pictures, are passed over.
    private static string[] Classes(string folder) =>
        Directory.Exists(folder)
            ? [.. Directory.GetDirectories(folder).Where(d => Pictures(d).Any()).Select(d => Path.GetFileName(d)).Order(StringComparer.Ordinal)]
            : [];

    private static IEnumerable<string> Pictures(string folder) =>
        Directory.GetFiles(folder)
            .Where(f => Picture.Endings.Contains(Path.GetExtension(f), StringComparer.OrdinalIgnoreCase))
            .Order(StringComparer.Ordinal);
}
