using System.IO.Compression;
using System.Text;

namespace Shell;

/// <summary>A folder of its own for a test, gone afterwards.</summary>
public sealed class Scratch : IDisposable
{
    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("ad-host-");

    public string Folder => _folder.FullName;

    public string this[string name] => Path.Combine(Folder, name);

    /// <summary>The names of the files in it, in order.</summary>
    public string[] Files => [.. Directory.GetFiles(Folder).Select(f => Path.GetFileName(f)).Order(StringComparer.Ordinal)];

    public string Write(string name, string text) => Write(name, Encoding.UTF8.GetBytes(text));

    public string Write(string name, byte[] bytes)
    {
        File.WriteAllBytes(this[name], bytes);
        return this[name];
    }

    public string Pack(string name, byte[] bytes)
    {
        using (var gzip = new GZipStream(File.Create(this[name]), CompressionLevel.Fastest))
        {
            gzip.Write(bytes);
        }

        return this[name];
    }

    public void Dispose() => _folder.Delete(recursive: true);
}
