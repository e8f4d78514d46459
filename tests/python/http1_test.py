"""HTTP/1.1 messages: what is read, and what is refused."""
import asyncio
import unittest

from chorus import _http1


async def read(data, limit=_http1.MAX_HEAD_BYTES, until_end=False):
    reader = asyncio.StreamReader(limit=limit)
    reader.feed_data(data)
    reader.feed_eof()
    head = await _http1.read_head(reader)
    return head, head and b"".join([piece async for piece in _http1.read_body(reader, head, until_end)])


class Http1Test(unittest.IsolatedAsyncioTestCase):
    async def test_reads(self):
        head, body = await read(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length:  3 \r\nX: 1\r\nx: 2\r\n\r\nabcd")
        self.assertEqual(("POST / HTTP/1.1", {"host": "a", "content-length": "3", "x": "1, 2"}, b"abc"),
                         (head.line, head.headers, body))
        _, body = await read(b"x\r\nTransfer-Encoding: Chunked\r\n\r\n3;a=b\r\nabc\r\nA\r\n0123456789\r\n0\r\nT: 1\r\n\r\n")
        self.assertEqual(b"abc0123456789", body)
        self.assertEqual(b"", (await read(b"x\r\n\r\nrest"))[1])
        self.assertEqual(b"rest", (await read(b"x\r\n\r\nrest", until_end=True))[1])
        self.assertEqual((None, None), await read(b""))

    async def test_refuses(self):
        many = b"".join(b"h%d: 1\r\n" % i for i in range(101))
        heads = (b"x\r\nHost", b"x\r\nno colon\r\n\r\n", b"x\r\nHost : a\r\n\r\n", b"x\r\n folded: a\r\n\r\n",
                 b"x\r\n: a\r\n\r\n", b"x\nHost: a\r\n\r\n", b"x\r\nA: b\rC: d\r\n\r\n", b"x\r\nA: b\nC: d\r\n\r\n",
                 b"x\r\nA: \0\r\n\r\n", b"x\r\nHost: a\r\nHost: a\r\n\r\n", b"x\r\n" + many + b"\r\n",
                 b"x\r\nA: " + b"a" * (16 << 10) + b"\r\n\r\n", b"a" * (17 << 10))
        lengths = (b"Content-Length: 1\r\nContent-Length: 1\r\n\r\na", b"Content-Length: +1\r\n\r\na",
                   b"Content-Length: 1, 1\r\n\r\na", b"Content-Length: 9\r\n\r\na",
                   b"Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\n\r\n",
                   b"Transfer-Encoding: gzip, chunked\r\n\r\n", b"Transfer-Encoding: identity\r\n\r\n")
        chunks = (b"-1\r\n", b"0x1\r\na\r\n0\r\n\r\n", b"1\r\nab\r\n0\r\n\r\n", b"1\r\na\r\n", b"2\r\na")
        for data in (*heads, *(b"x\r\n" + each for each in lengths),
                     *(b"x\r\nTransfer-Encoding: chunked\r\n\r\n" + each for each in chunks)):
            with self.subTest(data=data[:60]), self.assertRaises(_http1.BadMessage):
                await read(data)

    async def test_codes(self):
        with self.assertRaises(_http1.BadMessage) as raised:
            await read(b"a" * (17 << 10))
        self.assertEqual(431, raised.exception.code)


if __name__ == "__main__":
    unittest.main()
