"""Small files of microscopes' makers, written from their formats' descriptions."""

import struct

import numpy as np


def write_lif(path, movie, channels, *, images=("movie",), pixel_um=0.2):
    """Write uint8 (T, C, Y, X) as each image of a LIF file, version 2."""
    num_frames, num_channels, height, width = movie.shape
    lengths = {1: (width, 1), 2: (height, width), 4: (num_frames, movie[0].size)}
    dimensions = "".join(
        f'<DimensionDescription DimID="{number}" NumberOfElements="{count}" Origin="0" '
        f'Length="{pixel_um * 1e-6 * (count - 1)}" Unit="{"s" if number == 4 else "m"}" '
        f'BytesInc="{step}" BitInc="0"/>' for number, (count, step) in lengths.items())
    described = "".join(
        f'<ChannelDescription DataType="0" ChannelTag="0" Resolution="8" '
        f'NameOfMeasuredQuantity="" Min="0" Max="255" Unit="" LUTName="Gray" IsLUTInverted="0" '
        f'BytesInc="{number * height * width}" BitInc="0"><ChannelProperty><Key>DyeName</Key>'
        f"<Value>{name}</Value></ChannelProperty></ChannelDescription>"
        for number, name in enumerate(channels))
    elements = "".join(
        f'<Element Name="{name}" UniqueID="{number}"><Data><Image><ImageDescription><Channels>'
        f"{described}</Channels><Dimensions>{dimensions}</Dimensions></ImageDescription></Image>"
        f'</Data><Memory Size="{movie.size}" MemoryBlockID="MemBlock_{number}"/></Element>'
        for number, name in enumerate(images))
    xml = ('<LMSDataContainerHeader Version="2"><Element Name="project"><Children>'
           f"{elements}</Children></Element></LMSDataContainerHeader>")
    with open(path, "wb") as file:
        file.write(struct.pack("<IIBI", 0x70, 2 * len(xml) + 5, 0x2A, len(xml)))
        file.write(xml.encode("utf-16-le"))
        for number in range(len(images)):
            name = f"MemBlock_{number}"
            file.write(struct.pack("<IIBQBI", 0x70, 2 * len(name) + 14, 0x2A, movie.size, 0x2A,
                                   len(name)))
            file.write(name.encode("utf-16-le") + movie.tobytes())


def write_czi(path, movie, channels, *, left_out=(), pixel_um=0.2):
    """Write uint8 (T, C, Y, X) as a CZI file, a subblock a plane; some may be left out."""
    height, width = movie.shape[2:]
    described = "".join(f'<Channel Id="Channel:{number}" Name="{name}"/>'
                        for number, name in enumerate(channels))
    xml = (f"<ImageDocument><Metadata><Information><Image><Dimensions><Channels>{described}"
           "</Channels></Dimensions></Image></Information><Scaling><Items>"
           + "".join(f'<Distance Id="{axis}"><Value>{pixel_um * 1e-6}</Value></Distance>'
                     for axis in "XY")
           + "</Items></Scaling></Metadata></ImageDocument>").encode()
    content = bytearray()

    def add(name, data):
        content.extend(bytes(-len(content) % 32))
        start = len(content)
        content.extend(struct.pack("<16sqq", name, len(data), len(data)) + data)
        return start

    add(b"ZISRAWFILE", bytes(512))
    metadata = add(b"ZISRAWMETADATA", struct.pack("<ii248x", len(xml), 0) + xml)
    entries = []
    for frame, channel in np.ndindex(movie.shape[:2]):
        if (frame, channel) in left_out:
            continue
        position = len(content) + -len(content) % 32
        entry = struct.pack("<2siqiiBB4si", b"DV", 0, position, 0, 0, 0, 0, b"", 4) + b"".join(
            struct.pack("<4siifi", axis, start, size, 0, 0) for axis, start, size in (
                (b"X", 0, width), (b"Y", 0, height), (b"C", channel, 1), (b"T", frame, 1)))
        entries.append(entry)
        add(b"ZISRAWSUBBLOCK", struct.pack("<iiq", 0, 0, height * width) + entry.ljust(240, b"\0")
            + movie[frame, channel].tobytes())
    directory = add(b"ZISRAWDIRECTORY", struct.pack("<i124x", len(entries)) + b"".join(entries))
    content[32:112] = struct.pack("<iiii16s16siqqiq", 1, 0, 0, 0, b"", b"", 0, directory,
                                  metadata, 0, 0)
    path.write_bytes(content)


def write_nd2(path, movie, channels, *, left_out=(), pixel_um=0.2):
    """Write uint8 (T, C, Y, X) as an ND2 file, version 2.1; frames may be left out."""
    num_frames, num_channels, height, width = movie.shape
    content = bytearray(struct.pack("<IIQ32s64s", 0x0ABECEDA, 32, 64,
                                    b"ND2 FILE SIGNATURE CHUNK NAME01!", b"Ver2.1"))
    places = {}

    def add(name, data, reserved=None):
        reserved = reserved or len(name) + 20
        places[name] = len(content), len(data)
        content.extend(struct.pack("<IIQ", 0x0ABECEDA, reserved, len(data)))
        content.extend(name.ljust(reserved, b"\0") + data)

    def number(name, value):
        return f'<{name} runtype="lx_uint32" value="{value}"/>'

    def real(name, value):
        return f'<{name} runtype="double" value="{value}"/>'

    def variant(*parts):
        return ("<variant><no_name>" + "".join(parts) + "</no_name></variant>").encode()

    add(b"ImageAttributes!", variant(
        number("uiWidth", width), number("uiWidthBytes", width * num_channels),
        number("uiHeight", height), number("uiComp", num_channels), number("uiBpcInMemory", 8),
        number("uiBpcSignificant", 8), number("uiSequenceCount", num_frames),
        number("eCompression", 2)))
    add(b"ImageMetadata!", variant(
        number("eType", 1), "<uLoopPars>", number("uiCount", num_frames), real("dStart", 0),
        real("dPeriod", 1000), real("dDuration", 1000), "</uLoopPars>"))
    planes = "".join(f'<a{index}><sDescription runtype="CLxStringW" value="{name}"/>'
                     f'{number("uiCompCount", 1)}{number("uiSampleIndex", index)}'
                     f'<pFluorescentProbe>{number("m_uiColor", 0)}</pFluorescentProbe></a{index}>'
                     for index, name in enumerate(channels))
    add(b"ImageMetadataSeq|0!", variant(
        '<bCalibrated runtype="bool" value="true"/>', real("dCalibration", pixel_um),
        "<sPicturePlanes>", number("uiCount", num_channels), f"<sPlaneNew>{planes}</sPlaneNew>",
        "</sPicturePlanes>"))
    for frame, pixels in enumerate(movie):
        if frame not in left_out:
            content.extend(bytes(-len(content) % 4096))
            add(f"ImageDataSeq|{frame}!".encode(),
                struct.pack("<d", frame) + pixels.transpose(1, 2, 0).tobytes(), 4096 - 24)
    location = len(content)
    chunks = b"".join(name + struct.pack("<QQ", *place) for name, place in places.items())
    chunks += b"ND2 CHUNK MAP SIGNATURE 0000001!" + struct.pack("<Q", location)
    add(b"ND2 FILEMAP SIGNATURE NAME 0001!", chunks)
    path.write_bytes(content)


WRITERS = {"czi": write_czi, "lif": write_lif, "nd2": write_nd2}
# The package that reads each.
PACKAGES = {"czi": "czifile", "lif": "liffile", "nd2": "nd2"}
