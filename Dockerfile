# microgan on the CPU. In the folder of your images:
#   docker run --rm --user "$(id -u):$(id -g)" --volume "$PWD:/images" microgan restore --input=...
# Build it in the folder of this repository: docker build --tag microgan .
FROM python:3.12-slim
COPY setup.cfg pyproject.toml README.md LICENSE /source/
COPY microgan /source/microgan
RUN pip install --no-cache-dir '/source[zarr]' && rm -r /source
# Whoever runs the container may write there: Keras its downloads, matplotlib its fonts.
RUN mkdir --mode=777 /home/anyone
ENV HOME=/home/anyone
WORKDIR /images
ENTRYPOINT ["microgan"]
CMD ["--help"]
