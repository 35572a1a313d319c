using System.Text;

namespace Ad.Host;

/// <summary>Text files that are either written whole or not at all.</summary>
public static class TextFile
{
    /// <summary>Writes beside the file, flushes to the disk and renames, so that nobody ever sees half of it.</summary>
    public static void Write(string path, string text)
    {
        var temporary = $"{path}.{Environment.ProcessId}.tmp";

        try
        {
            using (var stream = new FileStream(temporary, FileMode.Create, FileAccess.Write))
            {
                stream.Write(Encoding.UTF8.GetBytes(text));
                stream.Flush(flushToDisk: true);
            }

            File.Move(temporary, path, overwrite: true);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            File.Delete(temporary);
            throw new ShellException(ExitCodes.Failed, $"{path} cannot be written: {e.Message}", e);
        }
    }
}
