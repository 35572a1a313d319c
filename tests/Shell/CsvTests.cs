using System.Text;
using Ad.Host;
using Xunit;

namespace Shell;

public sealed class CsvTests
{
    private static DataSet Read(string text) => Csv.Read("t", "t.csv", Encoding.UTF8.GetBytes(text));

    private static string Refused(string text)
    {
        var e = Assert.Throws<ShellException>(() => Read(text));
        Assert.Equal(ExitCodes.Data, e.ExitCode);
        return e.Message;
    }

    [Fact]
    public void The_label_is_the_last_column()
    {
        var data = Read("1,2,0\n3.5,-4e1,2\n");
        Assert.Equal([1, 2, 3.5f, -40], data.Inputs);
        Assert.Equal([0, 2], data.Labels);
        Assert.Equal((2, 3, 2), (data.Features, data.Classes, data.Count));
    }

    [Fact]
    public void Windows_line_ends_byte_order_marks_blanks_and_a_missing_last_newline_are_read() =>
        Assert.Equal([1, 2, 3, 4], Read("\uFEFF 1, 2 ,0\r\n\r\n3,4,1").Inputs);

    [Fact]
    public void A_heading_is_passed_over() =>
        Assert.Equal(2, Read("150,4,setosa,versicolor\n1,2,0\n3,4,1\n").Count);

    [Theory]
    [InlineData("1,2,0\n1,0\n", "t.csv has 2 columns on line 2, but 3 above it.")]
    [InlineData("1,2,0\n1,2,3,0\n", "t.csv has 4 columns on line 2, but 3 above it.")]
    [InlineData("1,2,0\n1,x,0\n", "t.csv has 'x' on line 2, column 2, where a number must be.")]
    [InlineData("1,2,0\n1,,0\n", "t.csv has '' on line 2, column 2, where a number must be.")]
    [InlineData("1,2,0\n1,NaN,0\n", "t.csv has NaN on line 2, column 2, where a finite number must be.")]
    [InlineData("1,2,0\n1,1e39,0\n", "t.csv has 1E+39 on line 2, column 2, where a finite number must be.")]
    [InlineData("1,2,0\n1,2,0.5\n", "t.csv has the label 0.5 on line 2, but a label is a whole number from 0 to 9999.")]
    [InlineData("1,2,0\n1,2,-1\n", "t.csv has the label -1 on line 2, but a label is a whole number from 0 to 9999.")]
    [InlineData("1,2,0\n1,2,10000\n", "t.csv has the label 10000 on line 2, but a label is a whole number from 0 to 9999.")]
    [InlineData("1,2,0\n1,2,NaN\n", "t.csv has the label NaN on line 2, but a label is a whole number from 0 to 9999.")]
    [InlineData("7\n", "t.csv has one column on line 1; a row is features and then a class, with commas between.")]
    [InlineData("a,b,c\n", "t.csv has no rows of numbers.")]
    public void What_is_wrong_is_said_with_its_place(string text, string message) => Assert.Equal(message, Refused(text));
}
